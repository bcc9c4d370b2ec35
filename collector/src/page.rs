//! The dashboard's page, embedded into the program: which file answers a path, in which encoding, cached for how long.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};

use crate::problem::Problem;

include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// One file of the page.
#[derive(Debug)]
struct File {
    path: &'static str,
    mime: &'static str,
    /// Hash of the content.
    tag: &'static str,
    /// Whether the name changes with the content.
    immutable: bool,
    raw: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// First parts of paths that belong to the API: an unknown one is an error there, never the page.
const NOT_PAGES: &[&str] = &["api", "v1", "ws", "metrics", "health"];

/// What the page may do: load from here and nowhere else, run no inline script, stand in nobody's frame. Styles that
/// programs set on elements (charts do) are not inline styles in this sense; sockets to the same host are `'self'`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// What any other answer may do if a browser shows it as a document: nothing.
const NOTHING: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The page needs no device and no payment; a script that got in somehow gets none either.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
     midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()",
);

/// Adds the headers that every answer of the collector carries. For `axum::middleware::map_response`.
pub async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // What says nothing of its own is an answer of the API: about now, and not to be shown as a document.
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::REFERRER_POLICY, SAME_ORIGIN);
    headers.insert(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), SAME_ORIGIN);
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), SAME_ORIGIN);
    response
}

/// Answers every path that no route takes: a file of the page, the page itself, or 404.
pub async fn fallback(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    harden(answer(FILES, &method, &uri, &headers)).await
}

fn answer(files: &[File], method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if NOT_PAGES.contains(&first) {
        return Problem::not_found("there is no such route").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "pages are only read").into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let found = |path: &str| files.binary_search_by(|file| file.path.cmp(path)).ok().and_then(|at| files.get(at));
    let last = path.rsplit('/').next().unwrap_or_default();
    match found(if path.is_empty() { "index.html" } else { path }) {
        Some(file) => serve(file, headers),
        // A path without an extension is a place within the page.
        None if !last.contains('.') && !files.is_empty() => place(uri),
        None if files.is_empty() => Problem::not_found("this collector was built without its page").into_response(),
        None => Problem::not_found("there is no such file").into_response(),
    }
}

/// Sends a browser to the page with the place behind `#`. The address is relative, as below a proxy's path nobody here knows
/// where the page begins, and from deeper down the page would not find its own files.
fn place(uri: &Uri) -> Response {
    let depth = uri.path().matches('/').count().saturating_sub(1);
    let up = if depth == 0 { "./".to_owned() } else { "../".repeat(depth) };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let to = format!("{up}#/{}{query}", uri.path().trim_matches('/'));
    // What came as a part of a request's first line fits into a header.
    let Ok(to) = HeaderValue::from_str(&to) else { return Problem::not_found("there is no such page").into_response() };
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}

fn serve(file: &File, headers: &HeaderMap) -> Response {
    let accepts = |coding| accepts(headers, coding);
    let (coding, bytes) = match (file.brotli, file.gzip) {
        (Some(bytes), _) if accepts("br") => (Some("br"), bytes),
        (_, Some(bytes)) if accepts("gzip") => (Some("gzip"), bytes),
        _ => (None, file.raw),
    };
    let tag = format!("\"{}{}{}\"", file.tag, if coding.is_some() { "-" } else { "" }, coding.unwrap_or_default());
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut full = Response::new(Body::from(bytes));
        full.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(file.mime));
        if let Some(coding) = coding {
            full.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        full
    };
    let caching = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let answer = response.headers_mut();
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    answer.insert(header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits fit into a header"));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Whether `Accept-Encoding` names the coding and does not exclude it (`q=0`).
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        named && weight.is_none_or(|weight| weight > 0.0)
    })
}

/// Whether the caller has this very content already (`If-None-Match`).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const PAGE: &[File] = &[
        File {
            path: "assets/index-abcd1234.js",
            mime: "text/javascript; charset=utf-8",
            tag: "01",
            immutable: true,
            raw: b"raw",
            gzip: Some(b"gzipped"),
            brotli: Some(b"brotli"),
        },
        File {
            path: "index.html",
            mime: "text/html; charset=utf-8",
            tag: "02",
            immutable: false,
            raw: b"<p>",
            gzip: None,
            brotli: None,
        },
    ];

    async fn get(path: &str, headers: &[(&'static str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        ask(Method::GET, path, headers).await
    }

    async fn ask(method: Method, path: &str, headers: &[(&'static str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let (parts, body) = answer(PAGE, &method, &path.parse().unwrap(), &map).into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn the_best_encoding_that_the_browser_takes_is_sent() {
        let js = "/assets/index-abcd1234.js";
        for (accept, coding, body) in [
            ("gzip, deflate, br, zstd", Some("br"), "brotli"),
            ("gzip", Some("gzip"), "gzipped"),
            ("br;q=0, gzip;q=0.5", Some("gzip"), "gzipped"),
            ("identity", None, "raw"),
        ] {
            let (status, headers, sent) = get(js, &[("accept-encoding", accept)]).await;
            assert_eq!(status, 200);
            assert_eq!(headers.get("content-encoding").map(|v| v.to_str().unwrap()), coding, "{accept}");
            assert_eq!(sent, body.as_bytes());
            assert_eq!(headers["vary"], "accept-encoding");
            assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
        }
    }

    #[tokio::test]
    async fn the_page_itself_is_asked_for_each_time_and_forbids_inline_scripts() {
        let (status, headers, body) = get("/", &[]).await;
        assert_eq!((status, body.as_slice()), (StatusCode::OK, &b"<p>"[..]));
        assert_eq!(headers["cache-control"], "no-cache");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let tag = headers["etag"].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let (status, _, body) = get("/", &[("if-none-match", &known)]).await;
            assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        }
        assert_eq!(get("/", &[("if-none-match", "\"x\"")]).await.0, 200);
    }

    #[tokio::test]
    async fn a_place_within_the_page_leads_there_and_an_unknown_file_is_none() {
        for path in ["/", "/index.html", "//"] {
            assert_eq!(get(path, &[]).await.2, b"<p>", "{path}");
        }
        for (path, to) in [
            ("/monitoring", "./#/monitoring"),
            ("/monitoring/", "../#/monitoring"),
            ("/alerts/history?range=1h", "../#/alerts/history?range=1h"),
            ("/d/a%2Fb/c", "../../#/d/a%2Fb/c"),
            ("//evil.example/x", "../../#/evil.example/x"),
        ] {
            let (status, headers, _) = get(path, &[]).await;
            assert_eq!((status, headers["location"].to_str().unwrap()), (StatusCode::FOUND, to), "{path}");
        }
        for path in [
            "/favicon.ico",
            "/assets/index-00000000.js",
            "/../Cargo.toml",
            "/api/v1/nothing",
            "/v1/x",
            "/ws",
            "/metrics/x",
            "/health/x",
        ] {
            let (status, headers, _) = get(path, &[]).await;
            assert_eq!(status, 404, "{path}");
            assert_eq!(headers["content-type"], "application/problem+json", "{path}");
        }
    }

    #[tokio::test]
    async fn the_page_is_only_read() {
        let (status, headers, _) = ask(Method::POST, "/", &[]).await;
        assert_eq!(status, 405);
        assert_eq!(headers["allow"], "GET, HEAD");
        assert_eq!(ask(Method::HEAD, "/", &[]).await.0, 200);
    }

    #[test]
    fn the_embedded_files_are_in_order() {
        assert!(FILES.windows(2).all(|pair| pair[0].path < pair[1].path));
    }
}
