//! At the start: what the outside sees of us, for the log.

use centrale_model::Private;

use super::Runtime;
use crate::config::Public;
use crate::vantage::{Sight, inspect};

/// Has the node looked at, when somebody is there to look.
pub(super) async fn look(public: Public, runtime: Runtime, secret: Private<String>) {
    let Some(vantage) = &public.vantage else { return };
    for sight in inspect(&public, vantage, &runtime, &secret).await {
        match sight {
            Sight::Good(text) => tracing::info!("{text}"),
            Sight::Bad(text) | Sight::Odd(text) => tracing::warn!("{text}"),
        }
    }
}
