// Sets theme and language before the first paint: the person's choice, else what the browser says.
(function () {
  var root = document.documentElement;
  var theme = null;
  var lang = null;
  try {
    theme = localStorage.getItem('farol.theme');
    lang = localStorage.getItem('farol.lang');
  } catch {
    // Storage may be forbidden; the page works without it.
  }
  if (theme !== 'dark' && theme !== 'light') {
    theme = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
  }
  root.dataset.theme = theme;
  if (lang !== 'pt-BR' && lang !== 'en') {
    lang = (navigator.languages || []).some(function (l) {
      return /^pt/i.test(l);
    })
      ? 'pt-BR'
      : (navigator.languages || []).some(function (l) {
            return /^en/i.test(l);
          })
        ? 'en'
        : 'pt-BR';
  }
  root.lang = lang;
})();
