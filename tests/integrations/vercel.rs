//! Vercel against a fake of its list of deployments.

use farol_collector::pull::{Code, Instance};
use farol_shared::catalog::HOSTING_DEPLOYMENT_READY;
use farol_tests::fake::vercel::{TOKEN, start};

use crate::faults::{self, instance, poll};

fn toml(url: &str, projects: &str) -> String {
    format!("url = '{url}'\ntoken = '{TOKEN}'\nteam = 'team_acme'\nprojects = [{projects}]")
}

fn open(url: &str, projects: &str) -> Instance {
    instance("vercel", &toml(url, projects))
}

#[tokio::test]
async fn vercel_survives_every_trouble() {
    faults::every("vercel", &start().await, |url| toml(url, "'prj_shop'")).await;
}

#[tokio::test]
async fn production_is_what_was_finished_last_and_there_is_no_cpu() {
    let vercel = start().await;
    let reading = poll(&mut open(&vercel.url(), "'prj_shop', 'prj_new'")).await.unwrap();
    assert_eq!(reading.value(&HOSTING_DEPLOYMENT_READY, &[("farol.target", "shop")]), Some(1.0));
    let infra = &reading.snapshots["infra"];
    let states: Vec<_> = infra["deployments"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["building", "ready", "error"]);
    assert_eq!(infra["deployments"][1]["url"], "https://shop-b.vercel.app");
    assert!(infra["targets"][0]["cpu_ratio"].is_null());
    assert!(infra["targets"][0]["reason"].as_str().unwrap().contains("tells no CPU and no memory"), "{infra}");
    assert!(infra["targets"][1]["reason"].as_str().unwrap().contains("nothing was deployed"), "{infra}");
    let limit = reading.rate_limit.unwrap();
    assert_eq!((limit.limit, limit.remaining, limit.reset_at), (Some(500), Some(499), Some(1_795_237_700_000)));
    let line = &vercel.calls()[0].line;
    assert!(
        line.contains("projectId=prj_shop") && line.contains("target=production") && line.contains("teamId=team_acme"),
        "{line}"
    );
}

#[tokio::test]
async fn one_project_that_is_not_there_does_not_hide_the_other() {
    let vercel = start().await;
    let reading = poll(&mut open(&vercel.url(), "'prj_gone', 'prj_shop'")).await.unwrap();
    assert_eq!((reading.missing.len(), reading.missing[0].1.status), (1, Some(404)));
    assert!(reading.missing[0].1.message.contains("check its id"));
    assert_eq!(reading.value(&HOSTING_DEPLOYMENT_READY, &[("farol.target", "shop")]), Some(1.0));
    let other = toml(&vercel.url(), "'prj_shop'").replace(TOKEN, "s3cr3t-other");
    let told = poll(&mut instance("vercel", &other)).await.unwrap_err();
    assert!(told.code == Code::Auth && !told.message.contains("s3cr3t"), "{told}");
}

#[tokio::test]
async fn who_is_told_to_wait_asks_for_no_further_project() {
    let vercel = start().await;
    poll(&mut open(&vercel.url(), "'prj_busy', 'prj_shop', 'prj_new'")).await.unwrap_err();
    assert_eq!(vercel.calls().len(), 1, "the first one said that no more may be asked");
    vercel.forget();
    let reading = poll(&mut open(&vercel.url(), "'prj_shop', 'prj_busy', 'prj_new'")).await.unwrap();
    assert_eq!((vercel.calls().len(), reading.missing.len(), reading.missing[0].1.code), (2, 1, Code::Limited));
    assert_eq!(reading.value(&HOSTING_DEPLOYMENT_READY, &[("farol.target", "shop")]), Some(1.0));
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_waited_for_until_its_end() {
    let vercel = start().await;
    let told = poll(&mut open(&vercel.url(), "'prj_busy'")).await.unwrap_err();
    assert_eq!((told.code, told.retry_after), (Code::Limited, Some(std::time::Duration::from_secs(30))), "{told}");
}
