//! Fathom: people on a site now, and on which pages.

use std::time::Duration;

use farol_shared::secret::Secret;
use serde::Deserialize;
use serde_json::Value;

use super::{
    At, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading,
    http::Http,
    parse,
    visitors::{self, VisitedPage, Visitors},
};

/// Fathom.
pub const KIND: Kind = Kind {
    name: "fathom",
    title: "Fathom",
    group: Group::Users,
    interval: Duration::from_secs(30),
    // Ten questions a minute are allowed, to a user for all his sites.
    floor: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
    secrets: &["api_key"],
    options: &[
        KindOption { key: "site", default: "needed", meaning: "Identifier of the site, such as \"ABCDE\"." },
        KindOption { key: "api_key", default: "needed", meaning: "API token that may read this site." },
    ],
    snippet: "[[fathom]]\nname = \"site\"\nsite = \"ABCDE\"\napi_key_file = \"/run/secrets/fathom\"\n",
    open: |given| open(&given),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    site: String,
    api_key: Option<Secret>,
}

struct Fathom {
    http: Http,
    site: String,
    api_key: Secret,
}

fn open(given: &Given) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    if config.site.trim().is_empty() {
        return Err("site is empty: write its identifier, such as \"ABCDE\"".to_owned());
    }
    let api_key = config.api_key.ok_or("api_key is missing: write api_key_file = \"/path\" or api_key_env = \"NAME\"")?;
    let http = Http::new(given.url.as_deref().unwrap_or("https://api.usefathom.com"), given.timeout, None)?;
    Ok(Box::new(Fathom { http, site: config.site, api_key }))
}

impl Integration for Fathom {
    fn poll<'a>(&'a mut self, _at: &'a At) -> Polling<'a> {
        Box::pin(self.ask())
    }

    fn target(&self) -> String {
        format!("{} {}", self.http.host(), self.site)
    }
}

impl Fathom {
    async fn ask(&self) -> Result<Reading, PollError> {
        let query = [("site_id", self.site.as_str()), ("detailed", "true")];
        let answer = self.http.get("/v1/current_visitors").bearer(&self.api_key).query(&query).send().await?;
        let (count, pages) = parse(&answer.body)?;
        let source = format!("Fathom {}", self.site);
        Ok(visitors::reading(&Visitors { count, window_s: None, source, pages: Some(pages) }))
    }
}

#[derive(Deserialize)]
struct Body {
    total: Value,
    /// `null` where nobody is.
    content: Option<Vec<Page>>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    hostname: Value,
    #[serde(default)]
    pathname: Value,
    #[serde(default)]
    total: Value,
}

/// How many, and the busiest pages. Hosts are named where there are several.
fn parse(body: &[u8]) -> Result<(u64, Vec<VisitedPage>), PollError> {
    let body: Body = parse::json(body, "current_visitors")?;
    let count = visitors::count(&body.total, "current_visitors")?;
    let content = body.content.unwrap_or_default();
    let hosts = || content.iter().filter_map(|page| page.hostname.as_str());
    let has_several = hosts().any(|host| Some(host) != hosts().next());
    let pages = content.iter().filter_map(|page| {
        let host = page.hostname.as_str().filter(|_| has_several).unwrap_or_default();
        Some((format!("{host}{}", page.pathname.as_str()?), parse::whole(&page.total)?))
    });
    Ok((count, visitors::busiest(pages)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_come_as_numbers_or_texts_and_pages_by_people() {
        let told = br#"{"total":12,"content":[{"hostname":"https://x.com","pathname":"/","total":"4"},
            {"hostname":"https://x.com","pathname":"/prices","total":8}],"referrers":[{"referrer_hostname":null,"total":"2"}]}"#;
        let (count, pages) = parse(told).unwrap();
        let pages: Vec<(&str, u64)> = pages.iter().map(|page| (page.path.as_str(), page.count)).collect();
        assert_eq!((count, pages), (12, vec![("/prices", 8), ("/", 4)]));
    }

    #[test]
    fn hosts_are_named_where_there_are_several() {
        let told = br#"{"total":"2","content":[{"hostname":"https://a.com","pathname":"/","total":1},{"hostname":"https://b.com","pathname":"/","total":1}]}"#;
        assert_eq!(parse(told).unwrap().1[1].path, "https://b.com/");
        assert_eq!(parse(br#"{"total":0,"content":[]}"#).unwrap(), (0, Vec::new()));
        assert_eq!(parse(br#"{"total":0,"content":null}"#).unwrap(), (0, Vec::new()));
        assert!(parse(br#"{"content":[]}"#).is_err(), "no total is not zero");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..100), json in "[\\[\\]{}\",:a-z0-9 ]{0,80}") {
            let _outcomes = (parse(&body), parse(format!("{{\"total\":1,\"content\":{json}}}").as_bytes()));
        }
    }
}
