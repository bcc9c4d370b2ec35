//! RabbitMQ: a real one with its management plugin, and a fake of its API in every kind of trouble.

use farol_tests::rabbitmq_server::RabbitMq;

#[test]
fn a_server_starts() {
    let server = RabbitMq::start();
    server.declare("work");
    server.publish("work", 3);
    println!("{}", server.ctl(&["list_queues"]));
}
