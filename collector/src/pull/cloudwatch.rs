//! AWS CloudWatch: machines and services of AWS by `GetMetricData`.
//!
//! Each metric that is asked costs, so each is asked once a period and no more. What the CloudWatch agent publishes (memory and
//! disks of EC2) is asked by the exact dimensions that `ListMetrics` tells.
//!
//! Bounded: targets ([`infra::TARGETS_MAX`]), metrics of a question, pages of an answer, look-ups a poll ([`LOOKUPS_MAX`]).

use std::{collections::BTreeMap, time::Duration};

use farol_shared::secret::Secret;
use serde::Deserialize;

use self::{
    credentials::{Keys, Source, Wallet},
    metric_data::{PAGES_MAX, QUERIES_MAX},
    query::{Query, Trouble},
    sign::Signed,
    target::{Watched, Written},
};
use super::{
    At, Code, Given, Group, Integration, Kind, KindOption, PollError, Polling, Reading,
    http::{Answer, Http},
    infra::{self, Gap, Infra, Moment, Points},
};

pub use credentials::Around;

mod credentials;
mod metric_data;
mod query;
mod shown;
mod sign;
mod target;

/// Most look-ups of dimensions in one poll: CloudWatch answers some 25 a second, and the metrics themselves come after them.
const LOOKUPS_MAX: usize = 20;

/// Time that look-ups may take of a poll's: one part in this many.
const LOOKUPS_SHARE: u32 = 3;

/// How far back is asked once history is there, in milliseconds: more than the oldest point that counts as fresh.
const WINDOW_MS: i64 = 1_500_000;

/// AWS CloudWatch.
pub const KIND: Kind = Kind {
    name: "cloudwatch",
    title: "AWS CloudWatch",
    group: Group::Infrastructure,
    interval: Duration::from_secs(60),
    floor: Duration::from_secs(60),
    timeout: Duration::from_secs(10),
    secrets: &["access_key_id", "secret_access_key", "session_token"],
    options: &[
        KindOption { key: "region", default: "AWS_REGION", meaning: "Region, such as sa-east-1." },
        KindOption {
            key: "access_key_id",
            default: "",
            meaning: "Key; with secret_access_key. Without both: profile, else AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the \
                      collector's environment, the default profile, the role of the ECS or EKS container, the role of the EC2 \
                      instance (IMDSv2).",
        },
        KindOption { key: "secret_access_key", default: "", meaning: "The key's secret." },
        KindOption { key: "session_token", default: "", meaning: "Token of a temporary key." },
        KindOption { key: "profile", default: "", meaning: "Profile of ~/.aws/credentials or ~/.aws/config that holds keys." },
        KindOption {
            key: "targets",
            default: "needed",
            meaning: "What to watch, up to 100: { kind = \"ec2\", id = \"i-...\" } and so on. Kinds: ec2, rds, elasticache, alb, elb, \
                      sqs, lambda (each id); ecs (cluster, service, insights = true for network); metric (namespace, metric, \
                      dimensions, stat, unit). For all: name, period (60 or 300 seconds); for rds memory_gib.",
        },
    ],
    snippet: "[[cloudwatch]]\nname = \"aws\"\nregion = \"sa-east-1\"\naccess_key_id_env = \"AWS_ACCESS_KEY_ID\"\n\
              secret_access_key_env = \"AWS_SECRET_ACCESS_KEY\"\ntargets = [{ kind = \"ec2\", id = \"i-0123456789abcdef0\", name = \"web\" }]\n",
    open: |given| open(&given, Around::machine()),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    region: Option<String>,
    access_key_id: Option<Secret>,
    secret_access_key: Option<Secret>,
    session_token: Option<Secret>,
    profile: Option<String>,
    #[serde(default)]
    targets: Vec<Written>,
}

/// Makes an instance with surroundings of its own, as tests do.
///
/// # Errors
/// Says which key is wrong, and how.
pub fn open(given: &Given, around: Around) -> Result<Box<dyn Integration>, String> {
    let config: Config = given.read()?;
    let region =
        config.region.clone().or_else(|| ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| around.vars.var(name)));
    let region = region.ok_or("region is missing: write one such as \"sa-east-1\"")?;
    if !(1..=32).contains(&region.len()) || !region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        return Err("region is none: write one such as \"sa-east-1\"".to_owned());
    }
    let ending = if region.starts_with("cn-") { ".cn" } else { "" };
    let usual = format!("https://monitoring.{region}.amazonaws.com{ending}");
    let http = Http::new(given.url.as_deref().unwrap_or(&usual), given.timeout, None)?;
    if config.targets.is_empty() || config.targets.len() > infra::TARGETS_MAX {
        return Err(format!("targets: write 1 to {} such as {{ kind = \"ec2\", id = \"i-...\" }}", infra::TARGETS_MAX));
    }
    let (mut targets, mut queries) = (Vec::new(), Vec::new());
    for (number, written) in config.targets.iter().enumerate() {
        let (watched, asked) =
            target::check(number, written).map_err(|wrong| format!("targets, number {}: {wrong}", number + 1))?;
        if targets.iter().any(|other: &Watched| other.name == watched.name) && written_is_machine(&watched) {
            return Err(format!(
                "targets, number {}: another one is called {} already: give it a name",
                number + 1,
                watched.name
            ));
        }
        targets.push(watched);
        queries.extend(asked);
    }
    let wallet = Wallet::new(source(config)?, around);
    let interval = given.interval;
    let timeout = given.timeout;
    Ok(Box::new(CloudWatch { http, region, wallet, targets, queries, gap: Gap::default(), interval, timeout }))
}

/// Single metrics may share a name: they are figures of one target then.
fn written_is_machine(watched: &Watched) -> bool {
    watched.kind != "metric"
}

fn source(config: Config) -> Result<Source, String> {
    match (config.access_key_id, config.secret_access_key, config.profile) {
        (Some(id), Some(secret), None) => {
            let id = id.reveal().to_owned();
            Ok(Source::Given(Keys { id, secret, token: config.session_token, expires_ms: None }))
        }
        (None, None, Some(profile)) => Ok(Source::Profile(profile)),
        (None, None, None) => Ok(Source::Found),
        (_, _, Some(_)) => Err("profile stands beside access_key_id: keep one of them".to_owned()),
        _ => Err("access_key_id and secret_access_key belong together: write both or neither".to_owned()),
    }
}

struct CloudWatch {
    http: Http,
    region: String,
    wallet: Wallet,
    targets: Vec<Watched>,
    queries: Vec<Query>,
    gap: Gap,
    interval: Duration,
    timeout: Duration,
}

impl Integration for CloudWatch {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(async move {
            let told = self.read(at).await;
            if told.as_ref().is_err_and(|error| error.code == Code::Auth) {
                self.wallet.forget();
            }
            told
        })
    }

    fn target(&self) -> String {
        format!("{} ({}, {})", self.http.host(), self.region, self.wallet.told())
    }
}

/// One question under way.
struct Asking<'a> {
    http: &'a Http,
    region: &'a str,
    keys: &'a Keys,
    moment: Moment,
}

impl Asking<'_> {
    async fn ask(&self, operation: &str, body: Vec<u8>) -> Result<Answer, PollError> {
        let path = format!("{}/", self.http.base().path().trim_end_matches('/'));
        let (host, time) = (self.http.host(), self.moment.basic().0);
        let target = format!("GraniteServiceVersion20100801.{operation}");
        let kind = "application/x-amz-json-1.0";
        let mut headers = vec![("content-type", kind), ("host", &host), ("x-amz-date", &time)];
        if let Some(token) = &self.keys.token {
            headers.push(("x-amz-security-token", token.reveal()));
        }
        headers.push(("x-amz-target", &target));
        let signed = Signed {
            method: "POST",
            path: &path,
            region: self.region,
            service: "monitoring",
            headers: &headers,
            body: &body,
            moment: self.moment,
        };
        let authorization = signed.authorization(self.keys);
        let mut call =
            self.http.post("/").header("content-type", kind).header("x-amz-date", &time).header("x-amz-target", &target);
        if let Some(token) = &self.keys.token {
            call = call.header("x-amz-security-token", token.reveal());
        }
        let answer = call.header("authorization", &authorization).body(body).send_any().await?;
        if answer.status == 200 { Ok(answer) } else { Err(metric_data::refusal(&answer)) }
    }

    /// The dimensions of what an instance's agent publishes, as exactly as it published them.
    async fn look_up(&self, query: &Query) -> Result<Option<metric_data::Dimensions>, PollError> {
        let (mut sets, mut next) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let body = metric_data::list_question(query, next.as_deref());
            let (found, more) = metric_data::parse_list(&self.ask("ListMetrics", body).await?.body)?;
            sets.extend(found);
            if more.is_none() || more == next {
                break;
            }
            next = more;
        }
        Ok(metric_data::best(sets))
    }

    /// Asks some of the queries, page by page; the points of each.
    async fn points(&self, asked: &[(usize, &Query)], start_ms: i64) -> Result<metric_data::Read, PollError> {
        let (start_s, end_s) = (start_ms.div_euclid(300_000) * 300, self.moment.0.div_euclid(60_000) * 60);
        let mut all = metric_data::Read::default();
        for _ in 0..PAGES_MAX {
            let body = metric_data::question(asked, start_s, end_s, all.next.as_deref());
            let page = metric_data::parse(&self.ask("GetMetricData", body).await?.body)?;
            all.came.extend(page.came);
            all.messages.extend(page.messages.into_iter().take(5));
            if page.next.is_none() || page.next == all.next {
                all.next = None;
                return Ok(all);
            }
            all.next = page.next;
        }
        Ok(all)
    }
}

impl CloudWatch {
    async fn read(&mut self, at: &At) -> Result<Reading, PollError> {
        let mut reading = Reading::default();
        let keys = self.wallet.keys(at.now_ms).await?;
        let moment = Moment(at.now_ms);
        let asking = Asking { http: &self.http, region: &self.region, keys: &keys, moment };
        // Looking up is cut short when it takes long: what is not found yet is looked up at the next poll.
        let looking = look_up_due(&asking, &mut self.queries, at.now_ms);
        let looked = tokio::time::timeout(self.timeout / LOOKUPS_SHARE, looking).await.unwrap_or(Ok(()));

        let after_ms = self.gap.after(at);
        let start_ms = after_ms.min(at.now_ms - WINDOW_MS);
        let due: Vec<usize> = (0..self.queries.len()).filter(|number| self.queries[*number].is_due(at.now_ms)).collect();
        for part in due.chunks(QUERIES_MAX) {
            let asked: Vec<(usize, &Query)> = part.iter().map(|number| (*number, &self.queries[*number])).collect();
            let read = asking.points(&asked, start_ms).await?;
            for message in &read.messages {
                reading.missing("metrics", PollError::bad_answer(format!("CloudWatch says {message}")));
            }
            take(&mut self.queries, part, read, at.now_ms);
        }
        if let Err(error) = looked {
            let message = format!("memory and disks of EC2 cannot be looked up by ListMetrics: {}", error.message);
            reading.missing("agent", PollError { message, ..error });
        }
        self.refused()?;
        self.show(&mut reading, at, after_ms);
        self.gap.close(at);
        Ok(reading)
    }

    /// When CloudWatch allows nothing at all, the poll has failed.
    fn refused(&self) -> Result<(), PollError> {
        let mut asked = self.queries.iter().filter(|query| query.asked_ms.is_some()).peekable();
        if asked.peek().is_some() && asked.all(|query| query.trouble == Some(Trouble::Forbidden)) {
            return Err(PollError::auth(format!("no metric may be read: {}", shown::FORBIDDEN)).with_status(200));
        }
        Ok(())
    }

    fn show(&self, reading: &mut Reading, at: &At, after_ms: i64) {
        let mut infra = Infra { provider: format!("AWS {}", self.region), ..Infra::default() };
        let mut of: BTreeMap<usize, Vec<&Query>> = BTreeMap::new();
        for query in &self.queries {
            of.entry(query.target).or_default().push(query);
        }
        for (number, watched) in self.targets.iter().enumerate() {
            let queries = of.remove(&number).unwrap_or_default();
            let target = shown::target(watched, &queries, reading, at, after_ms);
            infra.targets.push(target);
        }
        shown::join_metrics(&mut infra.targets);
        let monthly = shown::monthly(&self.queries, self.interval);
        let known = infra.targets.iter().filter(|target| !target.is_blank()).count();
        reading.say(format!("{known} of {} targets have data", infra.targets.len()));
        reading.say(shown::cost(monthly));
        reading.describe("cloud.provider", "aws");
        reading.describe("cloud.region", &self.region);
        reading.snapshot("infra", &infra);
    }
}

/// Looks up the dimensions that are not known, or not of late. What fails is tried again at the next poll.
async fn look_up_due(asking: &Asking<'_>, queries: &mut [Query], now_ms: i64) -> Result<(), PollError> {
    let is_due = |query: &&mut Query| query.lookup.as_ref().is_some_and(|lookup| lookup.is_due(now_ms));
    for query in queries.iter_mut().filter(is_due).take(LOOKUPS_MAX) {
        let found = asking.look_up(query).await?;
        let is_found = found.is_some();
        if let Some(dimensions) = found {
            query.dimensions = dimensions;
        }
        query.lookup = Some(query::Lookup { asked_ms: Some(now_ms), is_found });
    }
    Ok(())
}

/// Gives each query what came of it, of all pages together: the last page says how it ended.
fn take(queries: &mut [Query], asked: &[usize], read: metric_data::Read, now_ms: i64) {
    let is_cut = read.next.is_some();
    let mut came: BTreeMap<usize, (Points, Option<Trouble>)> = BTreeMap::new();
    for one in read.came {
        let entry = came.entry(one.number).or_default();
        entry.0.extend(one.points);
        entry.1 = one.trouble;
    }
    for number in asked {
        let (points, trouble) = came.remove(number).unwrap_or_default();
        let trouble = trouble.or(is_cut.then_some(Trouble::Partial));
        if let Some(query) = queries.get_mut(*number) {
            query.take(now_ms, points, trouble);
        }
    }
}
