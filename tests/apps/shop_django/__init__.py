# A small real Django application for the tests: one route that answers, one with a number, one that is slow, one that fails.
