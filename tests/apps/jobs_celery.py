# A Celery application with tasks that succeed, fail, retry and take long, and a sender of counted tasks.
#
#   BROKER=redis://127.0.0.1:6379/1 celery -A jobs_celery worker -E
#   BROKER=... python jobs_celery.py fine=20 fails=5 flaky=3:mail slow=2 prio=4:celery:6
import os
import sys
import time

from celery import Celery

app = Celery("jobs", broker=os.environ["BROKER"])
app.conf.task_send_sent_event = True
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True
app.conf.broker_connection_max_retries = None
app.conf.worker_prefetch_multiplier = 1
app.conf.broker_transport_options = {"max_retries": 3} | (
    {"master_name": os.environ["MASTER"]} if "MASTER" in os.environ else {}
)


@app.task(name="jobs.fine")
def fine(secret=None):
    time.sleep(0.02)
    return "result of " + str(secret)


@app.task(name="jobs.fails")
def fails(secret=None):
    raise ValueError("no such customer: " + str(secret))


@app.task(name="jobs.flaky", bind=True, max_retries=5)
def flaky(self, secret=None):
    if self.request.retries < 2:
        raise self.retry(exc=KeyError(secret), countdown=0)


@app.task(name="jobs.slow")
def slow(secret=None):
    time.sleep(30)


def send(word):
    """NAME=COUNT[:QUEUE[:PRIORITY]]"""
    name, _, how = word.partition("=")
    count, queue, priority = (how.split(":") + ["", ""])[:3]
    options = {"queue": queue or "celery"}
    if priority:
        options["priority"] = int(priority)
    for _ in range(int(count)):
        app.tasks["jobs." + name].apply_async(args=["ana@example.org"], **options)


if __name__ == "__main__":
    for word in sys.argv[1:]:
        send(word)
