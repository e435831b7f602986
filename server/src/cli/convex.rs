//! `clutch convex deploy`: puts the functions that this program brings along on a deployment, with
//! Convex's own program. A deployment of the original system is not touched.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use clutch_store::{CheckError, ConvexStore};

use crate::settings::{ConvexKey, Engine, Flags, Settings, Source};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../convex/", $name)))),+]
    };
}

/// The npm project with the functions, as it lies in the repository.
const PROJECT: &[(&str, &str)] = files![
    ".npmrc",
    "convex.json",
    "package.json",
    "package-lock.json",
    "functions/_generated/api.d.ts",
    "functions/_generated/api.js",
    "functions/_generated/dataModel.d.ts",
    "functions/_generated/server.d.ts",
    "functions/_generated/server.js",
    "functions/crons.ts",
    "functions/docs.ts",
    "functions/kinds.ts",
    "functions/model/ranges.ts",
    "functions/model/rows.ts",
    "functions/retention.ts",
    "functions/schema.ts",
];

/// What Convex's program would take for another deployment than the one that is meant.
const OTHERS: [&str; 4] =
    ["CONVEX_DEPLOYMENT", "CONVEX_DEPLOY_KEY", "CONVEX_SELF_HOSTED_URL", "CONVEX_SELF_HOSTED_ADMIN_KEY"];

/// Deploys, and looks whether it worked. The error is a sentence.
pub fn deploy(data_dir: Option<PathBuf>) -> Result<(), String> {
    let flags = Flags { data_dir, ..Flags::default() };
    let settings =
        Settings::resolve(&flags, &Source::from_process().map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    let Engine::Convex { url, key } = &settings.engine else {
        return Err("There is no deployment to put the functions on. Set CONVEX_URL and its key.".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("The program's threads could not be started: {e}."))?;
    // Each look asks anew: a store remembers a good answer.
    let check = || {
        let store = ConvexStore::new(url, key.reveal()).map_err(CheckError::Unfit)?;
        runtime.block_on(store.check())
    };
    match check() {
        // Deploying again is no harm.
        Ok(()) | Err(CheckError::Functions(_)) => {}
        Err(CheckError::Away(fault) | CheckError::Unfit(fault)) => return Err(fault.what),
    }
    let folder = settings.data_dir.join("convex");
    lay_out(&folder)
        .map_err(|e| format!("{} cannot be written: {e}. Name another folder with --data-dir.", folder.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(
        npm,
        &folder,
        "npm could not install Convex's program; its message is above. Check the network and npm's registry setting.",
    )?;
    run(deployer(url, key), &folder, "Convex's program could not deploy; its message is above.")?;
    check().map_err(|e| format!("The functions were deployed, but the deployment at {url} does not answer with them: is the key one of that deployment? {e}"))
}

fn lay_out(folder: &Path) -> std::io::Result<()> {
    for (name, text) in PROJECT {
        let file = folder.join(name);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, text)?;
    }
    Ok(())
}

/// Convex's program with the settings that make it deploy here and nowhere else.
fn deployer(url: &str, key: &ConvexKey) -> Command {
    let mut command = Command::new("node");
    command.args([
        "node_modules/convex/bin/main.js",
        "deploy",
        "--yes",
        "--typecheck",
        "disable",
        "--codegen",
        "disable",
    ]);
    for name in OTHERS {
        command.env_remove(name);
    }
    match key {
        ConvexKey::Admin(key) => {
            command.env("CONVEX_SELF_HOSTED_URL", url).env("CONVEX_SELF_HOSTED_ADMIN_KEY", key.reveal())
        }
        ConvexKey::Deploy(key) => command.env("CONVEX_DEPLOY_KEY", key.reveal()),
    };
    command
}

fn run(mut command: Command, folder: &Path, failed: &str) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.current_dir(folder).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(failed.into()),
        Err(error) => Err(format!(
            "{program} cannot be started: {error}. Install Node.js (20 or newer) with npm, then run this again."
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, ffi::OsStr};

    use super::*;

    fn names(folder: &Path, inside: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder.join(inside)).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{inside}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() { names(folder, &name, found) } else { found.push(name) }
        }
    }

    #[test]
    fn every_function_is_brought_along() {
        let mut there = Vec::new();
        names(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../convex")), "functions", &mut there);
        there.sort();
        let brought: Vec<&str> =
            PROJECT.iter().map(|(name, _)| *name).filter(|name| name.starts_with("functions/")).collect();
        assert_eq!(brought, there);
        let dir = tempfile::tempdir().unwrap();
        lay_out(dir.path()).unwrap();
        assert!(dir.path().join("functions/model/rows.ts").is_file() && dir.path().join(".npmrc").is_file());
    }

    #[test]
    fn it_deploys_to_the_deployment_that_is_set_and_no_other() {
        let source = |name: &str| {
            Source::new(
                "",
                [("HOME", "/h"), ("CONVEX_URL", "http://c"), (name, "k")].map(|(a, b)| (a.to_owned(), b.to_owned())),
            )
        };
        type Environment = BTreeMap<String, Option<String>>;
        let environment = |name: &str| -> Environment {
            let Engine::Convex { url, key } = Settings::resolve(&Flags::default(), &source(name)).unwrap().engine
            else {
                panic!("{name}")
            };
            let text = |text: &OsStr| text.to_str().unwrap().to_owned();
            deployer(&url, &key).get_envs().map(|(name, value)| (text(name), value.map(text))).collect()
        };
        let set = |environment: &Environment| -> Vec<String> {
            environment.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect()
        };
        let self_hosted = environment("CONVEX_SELF_HOSTED_ADMIN_KEY");
        assert_eq!(set(&self_hosted), ["CONVEX_SELF_HOSTED_ADMIN_KEY=k", "CONVEX_SELF_HOSTED_URL=http://c"]);
        let cloud = environment("CONVEX_DEPLOY_KEY");
        assert_eq!(set(&cloud), ["CONVEX_DEPLOY_KEY=k"]);
        for environment in [self_hosted, cloud] {
            assert!(OTHERS.iter().all(|name| environment.contains_key(*name)), "what is not set is removed");
        }
    }
}
