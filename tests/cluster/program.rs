//! Which program the control plane is: the one built from `tests/controlplane`, kept outside the tree under the hash of
//! its sources, so that it is built once on a machine.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The version of Kubernetes. The server says it; `go.mod` asks for it.
pub const VERSION: &str = "1.34.4";

/// The path of the program. The first call on a machine builds it, which takes Go and about five minutes on two cores.
///
/// # Errors
/// There is no Go, or the build fails; the compiler's own words are on standard error.
pub fn path() -> Result<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("controlplane");
    let directory = cache()?;
    let program = directory.join(format!("controlplane-{:016x}", fingerprint(&sources)?));
    if program.exists() {
        return Ok(program);
    }
    std::fs::create_dir_all(&directory).with_context(|| format!("could not create {}", directory.display()))?;
    // One build at a time; who waited finds it built. The lock ends with its file handle.
    let lock = std::fs::File::create(directory.join("controlplane.lock")).context("could not create the build lock")?;
    lock.lock().context("could not take the build lock")?;
    if !program.exists() {
        build(&sources, &program)?;
    }
    Ok(program)
}

/// Built beside its place and moved there whole: a build that was interrupted leaves nothing that looks finished.
fn build(sources: &Path, program: &Path) -> Result<()> {
    eprintln!(
        "building the control plane of Kubernetes {VERSION} into {} (once; about 5 minutes on 2 cores)",
        program.display()
    );
    let partial = program.with_extension("partial");
    let version = "k8s.io/component-base/version";
    let (major, rest) = VERSION.split_once('.').unwrap_or((VERSION, ""));
    let minor = rest.split('.').next().unwrap_or_default();
    let flags =
        format!("-s -w -X {version}.gitVersion=v{VERSION} -X {version}.gitMajor={major} -X {version}.gitMinor={minor}");
    // -v names each package when it is done: progress for whoever waits.
    let mut go = Command::new("go")
        .args(["build", "-v", "-trimpath", "-ldflags", &flags, "-o"])
        .arg(&partial)
        .arg(".")
        .current_dir(sources)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("could not start `go`: the control plane is built with Go 1.24 or newer")?;
    progress(go.stderr.take());
    let status = go.wait().context("could not wait for `go build`")?;
    ensure!(status.success(), "`go build` of tests/controlplane failed: {status}");
    std::fs::rename(&partial, program).with_context(|| format!("could not move {}", partial.display()))
}

/// One line for every hundred packages; what is no package's name is said at once.
fn progress(said: Option<impl std::io::Read>) {
    use std::io::BufRead;
    let mut packages = 0;
    for line in said
        .into_iter()
        .flat_map(|said| std::io::BufReader::new(said).lines())
        .map_while(Result::ok)
    {
        if line.contains(' ') {
            eprintln!("  {line}");
            continue;
        }
        packages += 1;
        if packages % 100 == 0 {
            eprintln!("  {packages} packages compiled");
        }
    }
}

fn fingerprint(sources: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    VERSION.hash(&mut hasher);
    for name in ["main.go", "go.mod", "go.sum"] {
        let file = sources.join(name);
        let text = std::fs::read(&file).with_context(|| format!("could not read {}", file.display()))?;
        text.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Where what is fetched or built for this ring is kept: `$XDG_CACHE_HOME/sluice`, or `~/.cache/sluice`.
///
/// # Errors
/// Neither is known.
pub fn cache() -> Result<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let root = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    Ok(root
        .context("neither XDG_CACHE_HOME nor HOME is set: there is no place to keep the control plane")?
        .join("sluice"))
}
