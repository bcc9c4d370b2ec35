//! A small real axum application for the tests, with the same routes as the Django one: `axum_app ADDRESS`.

use std::time::Duration;

use axum::{Router, extract::Path, http::StatusCode, routing::get};

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = Router::new()
            .route("/hello", get(|| async { "hello" }))
            .route("/users/{number}", get(|Path(number): Path<u32>| async move { format!("user {number}") }))
            .route("/slow", get(slow))
            .route("/boom", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "failed") }));
        let listener = tokio::net::TcpListener::bind(address).await?;
        axum::serve(listener, app).await
    })
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(600)).await;
    "at last"
}
