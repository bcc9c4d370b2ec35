//! The first administrator: made from the configuration's password, or by a link that works once.

use serde_json::json;

use super::{Access, AccessError, FirstSteps, Role, audit, token};
use crate::state::{Fingerprint, StateError};

/// Name of the administrator that the configuration's password makes.
pub const ADMIN: &str = "admin";

/// Makes `admin` or puts a new set-up link in force when nobody administers yet.
pub(super) async fn prepare(access: &Access) -> Result<FirstSteps, AccessError> {
    if !access.setup_required() {
        return Ok(FirstSteps::SignIn);
    }
    if let Some(password) = &access.settings().admin_password {
        let hash = access.hasher().hash(password.reveal().to_owned(), ADMIN).await?;
        let now_ms = access.now_ms();
        let by = audit::By::house("(configuration)");
        let line = audit::line(by, now_ms, "user.create", ADMIN, &json!({ "role": Role::SuperAdmin }));
        let made = audit::with(access.state(), line, move |db| db.add_user(ADMIN, &hash, Role::SuperAdmin, now_ms));
        match made.await {
            Ok(()) => return Ok(FirstSteps::AdminMade),
            // Somebody without the right to administer has the name: the link lets the owner choose another.
            Err(StateError::UserExists(_)) => {
                tracing::warn!(target: "access", "the name admin is taken by an account that cannot administer");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let link = token::random().map_err(AccessError::Random)?;
    let fingerprint = Fingerprint::of(&link);
    let offered = access.state().change(move |db| db.offer_set_up(&fingerprint)).await?;
    Ok(if offered { FirstSteps::SetUp(link) } else { FirstSteps::SignIn })
}
