//! The helper program as a gatepost of a test starts it: with services of PAM, or a realm, that are the test's own.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gatepost_testworld::peers::Kdc;
use tempfile::TempDir;

/// `pencil`, as `openssl passwd -6` hashes it.
const PENCIL: &str =
    "$6$gatepost$yq5IyG5YnEf5CB17/8AtMGTH24PdZAkVgW1jlMNLC2k6eEWYqjSiH93iiS5g7lvtmD1/T7k3SxXVDS804SI0b/";

/// The program with PAM and Kerberos in it, which `cargo xtask test` builds.
pub(crate) fn program() -> PathBuf {
    let named = std::env::var_os("GATEPOST_HELPER").map(PathBuf::from);
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/helper/debug/gatepost-helper");
    let program = named.unwrap_or_else(built);
    let found = program.canonicalize();
    found.unwrap_or_else(|cause| {
        panic!(
            "{}: {cause}; `cargo xtask test` builds it, as does `cargo build -p gatepost-helper \
             --features pam,kerberos --target-dir target/helper`",
            program.display()
        )
    })
}

/// A folder with the user `ada`, the modules that know her in the service `gatepost`, and `helper`, which asks there.
pub(crate) fn pam_services() -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let users = users(folder.path(), &[("ada", PENCIL)])?;
    let stack = format!("auth required {users}\naccount required pam_permit.so\n");
    std::fs::write(folder.path().join("gatepost"), stack)?;
    pam_helper(folder.path())?;
    Ok(folder)
}

/// A database of users in the folder; gives the module that reads it, with its arguments.
pub(crate) fn users(folder: &Path, users: &[(&str, &str)]) -> io::Result<String> {
    let mut load = Command::new("db5.3_load");
    load.args(["-T", "-t", "hash"]).arg(folder.join("users.db")).stdin(Stdio::piped());
    let mut load = load.spawn()?;
    let mut input = load.stdin.take().expect("its standard input");
    for (name, hash) in users {
        writeln!(input, "{name}\n{hash}")?;
    }
    drop(input);
    assert!(load.wait()?.success());
    Ok(format!("pam_userdb.so db={}/users crypt=crypt", folder.display()))
}

/// A helper that looks for services in this folder, and not in the system's.
pub(crate) fn pam_helper(folder: &Path) -> io::Result<()> {
    let text = format!("#!/bin/sh\nexec {} \"$@\" {}\n", program().display(), folder.display());
    gatepost_testworld::executable(&folder.join("helper"), &text)
}

/// A helper that knows this realm, and not the system's.
pub(crate) fn kerberos_helper(kdc: &Kdc, path: &Path) -> io::Result<()> {
    let lines: Vec<String> =
        kdc.environment().iter().map(|(name, value)| format!("export {name}='{value}'")).collect();
    let text = format!("#!/bin/sh\n{}\nexec {} \"$@\"\n", lines.join("\n"), program().display());
    gatepost_testworld::executable(path, &text)
}

/// In the helper's place, one that is killed as soon as it is asked.
pub(crate) fn put_dying(helper: &Path) -> io::Result<()> {
    let dying = helper.with_extension("dying");
    gatepost_testworld::executable(&dying, "#!/bin/sh\nkill -KILL $$\n")?;
    take_away(helper)?;
    std::fs::rename(dying, helper)
}

/// No helper at all.
pub(crate) fn take_away(helper: &Path) -> io::Result<()> {
    std::fs::rename(helper, helper.with_extension("kept"))
}

/// The helper again, whatever became of it.
pub(crate) fn put_back(helper: &Path) -> io::Result<()> {
    std::fs::rename(helper.with_extension("kept"), helper)
}
