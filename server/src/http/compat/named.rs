//! What the settings page says of a folder or a repository that somebody types: what the routes of `validate` find, in
//! sentences.

use clutch_app::{model::settings::Checked, site::Inspector};
use clutch_domain::text::{Excerpt, GithubRepo, LocalPath};
use futures_util::future::BoxFuture;

use super::{
    programs::Programs,
    validate::{Place, place},
};

impl Inspector for Programs {
    fn folder<'a>(&'a self, path: &'a LocalPath) -> BoxFuture<'a, Checked> {
        Box::pin(async move { of_folder(&place(path.as_str(), &self.roots).await) })
    }

    fn repository<'a>(&'a self, repo: &'a GithubRepo) -> BoxFuture<'a, Checked> {
        Box::pin(async move {
            let found = self.github.look(repo.as_str()).await;
            let of = |name: &str| found[name].as_str().map(|text| Excerpt::from(text).as_str().to_owned());
            if let Some(error) = of("error") {
                return doubt(format!("{error}. It can be saved all the same."));
            }
            let name = of("full_name").unwrap_or_default();
            let kind = if found["private"] == true { "private" } else { "public" };
            let branch = of("default_branch").map_or_else(String::new, |b| format!(", with {b} as its main branch"));
            if name.eq_ignore_ascii_case(repo.as_str()) {
                well(format!("{name} is there: {kind}{branch}."))
            } else {
                doubt(format!("This repository is called {name} by now: {kind}{branch}."))
            }
        })
    }
}

fn well(sentence: impl Into<String>) -> Checked {
    Checked { well: true, sentence: sentence.into() }
}

fn doubt(sentence: impl Into<String>) -> Checked {
    Checked { well: false, sentence: sentence.into() }
}

fn of_folder(place: &Place) -> Checked {
    match place {
        Place::There { folder: true, git: true, branch: Some(branch), .. } => {
            well(format!("A git repository, on the branch {}.", Excerpt::from(branch.as_str()).as_str()))
        }
        Place::There { folder: true, git: true, .. } => well("A git repository, on no branch."),
        Place::There { folder: true, .. } => {
            doubt("This folder is there, but it is no git repository. It can be saved all the same.")
        }
        Place::There { .. } => doubt("This is a file, not a folder."),
        Place::Missing { .. } => doubt("There is no such folder on this machine."),
        Place::Unreadable => doubt("The server may not read this path."),
        Place::Outside => doubt(
            "The server looks only into its home and into what CLUTCH_ROOTS names. Whether there is a folder shows when \
             this is saved.",
        ),
    }
}
