//! What is around every page: projects and the gateway's state.

use leptos::prelude::*;

use crate::{error::AppError, model::wire::Loaded};

/// Projects, gateway, store: the rail of every page and the home page.
#[server(prefix = "/fn", endpoint = "load_home", output = crate::codec::Reply)]
pub async fn load_home() -> Result<Loaded, AppError> {
    use clutch_domain::query::{Query, answer};

    use super::edge::told;
    use crate::{
        model::{
            Extra, gateway_model,
            home::{Check, CheckState, Server},
            parts, put,
        },
        site::site,
    };

    let load = async {
        let site = site()?;
        let read = site.office.read(&Query::Home.fetch()).await?;
        let mut parts = parts(&Query::Home, &answer(&Query::Home, &read.value), &Extra::default());
        let store = Check {
            id: "store".into(),
            state: CheckState::Ok,
            title: "Store".into(),
            sentence: format!("Everything is kept in {}.", site.settings.store),
            command: None,
        };
        if let Some(state) = site.runtime().map(|state| state.borrow().clone()) {
            put(&mut parts, "gateway", &gateway_model(&state, &site.settings));
        }
        put(&mut parts, "store", &store);
        put(&mut parts, "server", &Server { loop_enabled: site.settings.loop_enabled, now: site.office.now() });
        Ok(Loaded { version: read.version, parts })
    };
    told(load.await)
}
