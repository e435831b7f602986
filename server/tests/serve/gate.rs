//! `clutch-gate.sh` as cron runs it (facts §8.2), against the program.

use super::*;

/// What the script does, by its description: exit 0 wakes, 1 lets sleep.
const SCRIPT: &str = r#"
set -u
response=$(curl -s --max-time 5 "${CLUTCH_URL:-http://localhost:3002}/api/gate") || exit 1
error=$(jq -r '.error // empty' <<<"$response") || exit 1
if [ -n "$error" ]; then echo "$error" >&2; exit 1; fi
if [ "$(jq -r '.needsAttention' <<<"$response")" = true ]; then
  jq -r '.reason // "needs attention"' <<<"$response"
  exit 0
fi
exit 1
"#;

/// Standard output, and the code with which it ends.
fn gate(address: SocketAddr) -> (String, Option<i32>) {
    let mut script = Command::new("bash");
    script.args(["-c", SCRIPT]).env("CLUTCH_URL", format!("http://{address}")).stdin(Stdio::null());
    let Output { status, stdout, stderr } = script.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stderr), "", "bash, curl and jq must be there");
    (String::from_utf8(stdout).unwrap(), status.code())
}

#[test]
fn the_gate_script_wakes_only_where_somebody_must_look() {
    let home = folder();
    let server = Server::start(home.path(), &home.path().join("data"), &[]);
    assert_eq!(gate(server.address), (String::new(), Some(1)));
    let project = server.project();
    let task = json!({ "project_id": project, "title": "One", "status": "ready" });
    assert_eq!(server.post("/api/tasks", &task).unwrap().0, 201);
    assert_eq!(gate(server.address), ("1 task(s) ready for assignment\n".into(), Some(0)));
    let address = server.address;
    server.stop();
    assert_eq!(gate(address), (String::new(), Some(1)), "nobody is there to be woken for");
}
