//! What is read out of recorded answers of RabbitMQ 3.10, and of odd ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::Instance,
    answer::{Node, Overview, Page},
    ask::Listing,
    health::Health,
    view::{self, RabbitmqQueues},
};

fn recorded(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn overview() -> Overview {
    serde_json::from_str(include_str!("fixtures/overview.json")).unwrap()
}

fn listing(text: &str) -> Listing {
    let page = Page::read(recorded(text)).unwrap();
    Listing { queues: page.queues, total: page.total, matching: page.matching }
}

fn seen(overview: &Overview, listing: Option<&Listing>) -> RabbitmqQueues {
    let nodes: Vec<Node> = serde_json::from_str(include_str!("fixtures/nodes.json")).unwrap();
    view::view(overview, listing, Some(&nodes), &Health::default(), false)
}

#[test]
fn a_recorded_broker_is_told_whole() {
    let view = seen(&overview(), Some(&listing(include_str!("fixtures/queues.json"))));
    assert_eq!((view.version.as_str(), view.cluster.as_deref(), view.total_count), ("3.10.8", Some("intspec@vm"), Some(4)));
    let totals = &view.totals;
    assert_eq!((totals.ready, totals.unacked, totals.total), (Some(10.0), Some(2.0), Some(12.0)));
    assert_eq!((totals.publish_rate, totals.deliver_rate, totals.ack_rate), (Some(0.6), Some(1.2), Some(0.0)));
    assert_eq!((totals.connections, totals.queues, view.is_cut), (Some(4.0), Some(4.0), false));
    let celery = view.queues.iter().find(|queue| queue.name == "celery").unwrap();
    assert_eq!(
        (celery.ready, celery.unacked, celery.consumers, celery.memory),
        (Some(10.0), Some(2.0), Some(1.0), Some(51_192.0))
    );
    assert_eq!((celery.publish_rate, celery.drain_s), (Some(0.0), None), "it does not shrink");
    let node = &view.nodes[0];
    assert_eq!((node.running, node.mem_alarm, node.uptime_s), (Some(true), Some(false), Some(64.607)));
    assert!(view.alarms.is_empty());
}

#[test]
fn the_cheap_form_knows_messages_only() {
    let view = seen(&overview(), Some(&listing(include_str!("fixtures/queues-cheap.json"))));
    let celery = view.queues.iter().find(|queue| queue.name == "celery").unwrap();
    assert_eq!((celery.ready, celery.unacked, celery.total), (Some(10.0), Some(2.0), Some(12.0)));
    assert_eq!((celery.consumers, celery.memory, celery.publish_rate), (None, None, None));
}

#[test]
fn a_fresh_broker_has_no_rates_and_unknown_is_not_zero() {
    let fresh = |queues: u32| -> Overview {
        let fresh =
            json!({ "rabbitmq_version": "4.0", "queue_totals": {}, "message_stats": {}, "object_totals": { "queues": queues } });
        serde_json::from_value(fresh).unwrap()
    };
    let empty = Listing::default();
    let totals = seen(&fresh(0), Some(&empty)).totals;
    assert_eq!((totals.ready, totals.publish_rate, totals.queues), (Some(0.0), None, Some(0.0)), "no queues hold no messages");
    assert_eq!(seen(&fresh(3), Some(&empty)).totals.ready, None, "three queues that cannot be seen hold an unknown number");
    assert_eq!(seen(&fresh(3), None).totals.ready, None);
    let bare: Overview = serde_json::from_value(json!({ "rabbitmq_version": "3.0" })).unwrap();
    assert_eq!(seen(&bare, None).totals.connections, None);
}

#[test]
fn a_bare_list_is_one_page() {
    let items = recorded(include_str!("fixtures/queues.json"))["items"].take();
    let page = Page::read(items).unwrap();
    assert_eq!((page.queues.len(), page.total, page.matching, page.pages), (4, 4, 4, 1));
}

#[test]
fn a_queue_that_never_carried_a_message_has_no_rates() {
    let page = Page::read(json!([{ "name": "new", "vhost": "/", "messages": "7", "messages_ready": -1 }])).unwrap();
    let queue = &page.queues[0];
    assert_eq!((queue.total, queue.ready, queue.publish_rate, queue.drain_s()), (Some(7.0), None, None, None));
}

#[test]
fn a_queue_that_shrinks_tells_when_it_is_empty() {
    let stats = json!({ "publish_details": { "rate": 2.0 }, "ack_details": { "rate": 7.0 } });
    let page = Page::read(json!([{ "name": "a", "vhost": "/", "messages_ready": 50, "message_stats": stats }])).unwrap();
    assert_eq!(page.queues[0].drain_s(), Some(10.0));
}

#[test]
fn what_is_no_list_of_queues_is_refused() {
    for wrong in [json!(7), json!("items"), json!({ "items": "many" }), json!({}), json!([1, 2]), json!({ "items": [{}] })] {
        assert!(Page::read(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn the_longest_names_still_fit_into_a_snapshot() {
    let long = "ü".repeat(120);
    let items: Vec<Value> =
        (0..600).map(|n| json!({ "name": format!("{n:04}{long}"), "vhost": long, "messages": n, "type": "classic" })).collect();
    let page = Page::read(Value::from(items)).unwrap();
    let listing = Listing { total: page.total, matching: page.matching, queues: page.queues };
    let view = seen(&overview(), Some(&listing));
    let bytes = serde_json::to_vec(&view).unwrap().len();
    assert!(view.is_cut && bytes < super::super::reading::SNAPSHOT_BYTES_MAX, "{} queues, {bytes} bytes", view.queues.len());
    assert!(view.queues.len() > 200, "{}", view.queues.len());
}

#[test]
fn what_is_written_wrong_is_told() {
    let none = std::collections::BTreeMap::new();
    let open = |toml: &str| Instance::from_toml("rabbitmq", toml, &none).map(drop).unwrap_err();
    assert!(open("").contains("url is missing"));
    assert!(open("url = \"http://a\"\nusername = \"mon\"").contains("password_file"));
    assert!(open("url = \"http://a\"\ndetail = \"much\"").contains("much"));
    assert!(open("url = \"http://a\"\nqueues = [\"a*b\"]").contains("star"));
    assert!(open("url = \"http://a\"\nqueue = \"a\"").contains("queue"));
    let secret = open("url = \"http://guest:s3cr3t@a\"");
    assert!(secret.contains("credentials") && !secret.contains("s3cr3t"), "{secret}");
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z/]{0,6}".prop_map(Value::from),
    ];
    let names = prop_oneof![
        Just("items".to_owned()),
        Just("name".to_owned()),
        Just("vhost".to_owned()),
        Just("messages".to_owned()),
        Just("message_stats".to_owned()),
        Just("publish_details".to_owned()),
        Just("rate".to_owned()),
        Just("rabbitmq_version".to_owned()),
        Just("queue_totals".to_owned()),
        Just("partitions".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(value in json_value()) {
        if let Ok(page) = Page::read(value.clone()) {
            let listing = Listing { total: page.total, matching: page.matching, queues: page.queues };
            seen(&overview(), Some(&listing));
        }
        drop(serde_json::from_value::<Overview>(value.clone()));
        drop(serde_json::from_value::<Vec<Node>>(value));
    }
}
