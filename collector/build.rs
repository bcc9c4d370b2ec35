//! Builds the page with npm when its sources changed, and writes the table that embeds it into the collector.
//!
//! `FAROL_WEB_DIST=DIR` embeds a page built elsewhere; then Node is not needed. `web/dist` is only built again when a source
//! is newer, and what is embedded is a copy, so that removing or rebuilding `web/dist` by hand does not rebuild the collector.

use std::{
    collections::hash_map::DefaultHasher,
    env,
    ffi::OsStr,
    fmt::Write as _,
    fs,
    hash::{Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// What decides how the page looks, inside `web/`. Tests and built files are not among it.
const SOURCES: &[&str] = &[
    "src",
    "public",
    "scripts",
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "vite.config.js",
    "tsconfig.json",
];

const NODE_IS_MISSING: &str = "building Farol's page needs Node.js 20 or newer with npm: install it (for example `apt install nodejs npm`), \
     or set FAROL_WEB_DIST to a folder with a built page";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let web = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("web");
    if let Err(message) = dist(&web).and_then(|dist| embed(dist.as_deref(), &out).map_err(|e| format!("embedding the page: {e}")))
    {
        println!("cargo::error={}", message.replace('\n', " | "));
    }
}

/// The folder with the built page, built now when it is older than its sources. None: there are no sources.
fn dist(web: &Path) -> Result<Option<PathBuf>, String> {
    println!("cargo::rerun-if-env-changed=FAROL_WEB_DIST");
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(given) = env::var_os("FAROL_WEB_DIST").filter(|dir| !dir.is_empty()) {
        let given = PathBuf::from(given);
        println!("cargo::rerun-if-changed={}", given.display());
        let built = given.is_absolute() && given.join("index.html").is_file();
        let wrong =
            || format!("FAROL_WEB_DIST is {}, which is not the absolute path of a folder with an index.html", given.display());
        return built.then(|| Some(given.clone())).ok_or_else(wrong);
    }
    if !web.join("package.json").is_file() {
        println!("cargo::rerun-if-changed=web/package.json");
        println!("cargo::warning=collector/web has no sources here: this collector is built without its page");
        return Ok(None);
    }
    let sources: Vec<PathBuf> = SOURCES.iter().map(|name| web.join(name)).filter(|path| path.exists()).collect();
    for source in &sources {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    let dist = web.join("dist");
    // Two builds (debug and release, say) may come here at once; one lock file serves both.
    let lock = fs::File::open(web.join("package.json")).map_err(|e| format!("opening package.json: {e}"))?;
    lock.lock().map_err(|e| format!("locking package.json: {e}"))?;
    let newest = sources.iter().filter_map(|path| newest(path)).max();
    if modified(&dist.join("index.html")) < newest {
        build(web)?;
    }
    drop(lock);
    if dist.join("index.html").is_file() { Ok(Some(dist)) } else { Err("`npm run build` made no dist/index.html".to_owned()) }
}

fn build(web: &Path) -> Result<(), String> {
    // npm writes this file last, so that an interrupted install is seen as none.
    if modified(&web.join("node_modules/.package-lock.json")) < modified(&web.join("package-lock.json")) {
        npm(web, &["ci", "--no-audit", "--no-fund"])?;
    }
    npm(web, &["run", "build"]).inspect_err(|_| {
        // Half a page must not look like a finished one to the next build.
        fs::remove_file(web.join("dist/index.html")).ok();
    })
}

fn npm(web: &Path, arguments: &[&str]) -> Result<(), String> {
    // Cargo's own variables mean something else to some of npm's programs.
    let output = Command::new("npm").args(arguments).current_dir(web).env_remove("DEBUG").env_remove("HOST").output();
    let output = output.map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => NODE_IS_MISSING.to_owned(),
        _ => format!("running npm: {e}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Err(format!(
        "`npm {}` in collector/web failed (a page built elsewhere can be given by FAROL_WEB_DIST):\n{said}",
        arguments.join(" ")
    ))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|about| about.modified()).ok()
}

/// Newest change of a file, or of a folder and everything below it. Tests are no part of the page.
fn newest(path: &Path) -> Option<SystemTime> {
    if path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.contains(".test.")) {
        return None;
    }
    let below = fs::read_dir(path).into_iter().flatten().flatten().filter_map(|entry| newest(&entry.path())).max();
    modified(path).max(below)
}

/// Copies the page beside the generated code and writes its table.
fn embed(dist: Option<&Path>, out: &Path) -> io::Result<()> {
    let copy = out.join("page");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    let mut files = Vec::new();
    if let Some(dist) = dist {
        collect(dist, "", &mut files)?;
    }
    files.sort();
    let mut table = String::from("/// The page's files, sorted by path.\nstatic FILES: &[File] = &[\n");
    for (path, source) in &files {
        if is_variant(path, &files) {
            continue;
        }
        let raw = fs::read(source)?;
        let target = copy_file(source, &copy.join(path))?;
        let variant = |suffix: &str| -> io::Result<String> {
            let beside = files.iter().find(|(other, _)| *other == format!("{path}{suffix}"));
            let Some((name, source)) = beside else { return Ok("None".to_owned()) };
            Ok(format!("Some(include_bytes!({:?}))", copy_file(source, &copy.join(name))?))
        };
        let (gzip, brotli) = (variant(".gz")?, variant(".br")?);
        let mut hash = DefaultHasher::new();
        raw.hash(&mut hash);
        writeln!(
            table,
            "    File {{ path: {path:?}, mime: {:?}, tag: \"{:016x}\", immutable: {}, raw: include_bytes!({target:?}), gzip: {gzip}, brotli: {brotli} }},",
            mime(path),
            hash.finish(),
            is_immutable(path),
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(out.join("page_files.rs"), table)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<PathBuf> {
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::copy(from, to)?;
    Ok(to.to_path_buf())
}

fn collect(dir: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else if !name.ends_with(".map") {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}

/// `x.js.gz` beside `x.js` is a variant of it, not a file of its own.
fn is_variant(path: &str, files: &[(String, PathBuf)]) -> bool {
    let stem = path.strip_suffix(".gz").or_else(|| path.strip_suffix(".br"));
    stem.is_some_and(|stem| files.iter().any(|(other, _)| other == stem))
}

/// Vite puts eight characters of a content hash before the extension of what stands in `assets/`.
fn is_immutable(path: &str) -> bool {
    let stem = Path::new(path).file_stem().and_then(OsStr::to_str).unwrap_or_default().as_bytes();
    let hashed = stem.len() > 9 && matches!(stem[stem.len() - 9], b'-' | b'.');
    path.starts_with("assets/") && hashed
}

fn mime(path: &str) -> &'static str {
    match Path::new(path).extension().and_then(OsStr::to_str).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
