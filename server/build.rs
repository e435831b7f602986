//! Links the program so that its own addresses are put right from a list a twentieth as long, where the machine's C
//! library can read it. The long one is looked through at each start and stays in memory: 2.4 MB.

use std::{env, process::Command};

/// The first glibc that knows the short list.
const KNOWS: (u32, u32) = (2, 36);

/// `getconf` says `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let same = env::var("HOST") == env::var("TARGET");
    let gnu_linux = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux")
        && env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|libc| libc == "gnu");
    if same && gnu_linux && glibc().is_some_and(|version| version >= KNOWS) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
