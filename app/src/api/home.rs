//! What is around every page: projects and the gateway's state.

use leptos::prelude::*;

use crate::{error::AppError, model::home::HomeLoad};

/// Projects, gateway, store: the rail of every page and the home page.
#[server(prefix = "/fn", endpoint = "load_home")]
pub async fn load_home() -> Result<HomeLoad, AppError> {
    use clutch_domain::query::{Query, Snapshot, answer};

    use super::edge::told;
    use crate::{
        model::{
            gateway_model,
            home::{Check, CheckState},
            home_page,
        },
        site::site,
    };

    let load = async {
        let site = site()?;
        let read = site.office.read(&Query::Home.fetch()).await?;
        let Snapshot::Home(home) = answer(&Query::Home, &read.value) else {
            return Err(clutch_orchestrator::store::Fault::new("the home query has another answer").into());
        };
        let gateway = gateway_model(&site.runtime.borrow(), &site.settings);
        Ok(HomeLoad {
            page: home_page(&home, read.version),
            gateway,
            store: Check {
                id: "store".into(),
                state: CheckState::Ok,
                title: "Store".into(),
                sentence: format!("Everything is kept in {}.", site.settings.store),
                command: None,
            },
            loop_enabled: site.settings.loop_enabled,
            now: site.office.now(),
        })
    };
    told(load.await)
}
