//! What a quickstart says about itself.

use super::instance::{ADA, BOB, Instance, address};
use crate::assemble::Running;
use crate::cli::console::{Console, Format};
use crate::cli::failure::Failure;

/// What was made, and where it listens.
pub(super) fn opening(
    instance: &Instance,
    running: &Running,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    if console.format == Format::Machines {
        return Ok(());
    }
    console.line(format!("A throw-away gatepost runs in {}", instance.dir.display()))?;
    for (listener, address) in running.addresses() {
        console.line(format!("   {listener:12} {address}  {}", purpose(listener)))?;
    }
    for (who, password) in [ADA, BOB].into_iter().zip(&instance.passwords) {
        console.line(format!("   account      {} with password {password}", address(who)))?;
    }
    Ok(())
}

fn purpose(listener: &str) -> &'static str {
    match listener {
        "mx" => "other servers bring mail for quickstart.example",
        "submission" => "people hand in mail: STARTTLS, then a login",
        "submissions" => "the same under TLS from the start",
        _ => "",
    }
}

/// The verdict.
pub(super) fn closing(
    instance: &Instance,
    running: &Running,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    if console.format == Format::Machines {
        let listeners: serde_json::Map<String, serde_json::Value> = running
            .addresses()
            .iter()
            .map(|(name, address)| (name.clone(), address.to_string().into()))
            .collect();
        let told = serde_json::json!({ "ok": true, "dir": instance.dir, "listeners": listeners });
        return Ok(console.json(&told)?);
    }
    console.line("\nAll of it worked: a message in and out, two refusals.")?;
    Ok(())
}

/// What to try next; all of it can be pasted.
pub(super) fn hints(instance: &Instance, console: &mut Console<'_>) -> Result<(), Failure> {
    if console.format == Format::Machines {
        return Ok(());
    }
    let [password, _] = &instance.passwords;
    let (ada, bob) = (address(ADA), address(BOB));
    let ca = instance.tls.authority.display();
    let config = instance.config.display();
    let data_dir = &instance.configuration.data_dir;
    let port = |name: &str| {
        let mut listeners = instance.configuration.settings.listeners.iter();
        let found = listeners.find(|listener| listener.name == name);
        found.and_then(|listener| listener.bind.first()).map_or(0, std::net::SocketAddr::port)
    };
    let (submission, submissions) = (port("submission"), port("submissions"));
    console.line("\nIt serves until Ctrl-C. From another terminal:\n")?;
    console.line(format!(
        "swaks --server 127.0.0.1:{submission} --tls --tls-ca-path {ca} --auth LOGIN --auth-user {ada} \\\n    \
         --auth-password {password} --from {ada} --to {bob}\n"
    ))?;
    console.line(format!(
        "printf 'From: <{ada}>\\r\\nTo: <{bob}>\\r\\nSubject: hello\\r\\n\\r\\nhello\\r\\n' | \\\n  \
         curl --silent --show-error --url smtps://localhost:{submissions} --cacert {ca} --user {ada}:{password} \\\n    \
         --mail-from {ada} --mail-rcpt {bob} --upload-file -\n"
    ))?;
    let program =
        std::env::current_exe().map_or_else(|_| "gatepost".into(), |path| path.display().to_string());
    console.line(format!("{program} -c {config} account list\n"))?;
    console.line(format!(
        "{program} -c {config} explain --client 192.0.2.1 \\\n    --from {ada} --to somebody@elsewhere.example\n"
    ))?;
    console.line(format!("What happens from now on (also in {}/events.jsonl):", data_dir.display()))?;
    Ok(())
}
