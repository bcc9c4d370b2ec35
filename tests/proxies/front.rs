//! A proxy of the machine's packages with a shipped configuration, and how it is asked.

use std::{
    fs,
    io::BufReader,
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use farol_tests::{
    http::{Answer, read_answer},
    process::{Process, project},
    server_process::{ServerProcess, free_port, run},
    wait::until,
};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;

/// Name that shows Farol at its root. Every machine and browser knows it without a server of names.
pub(crate) const ROOT: &str = "localhost";

/// Name that shows Farol below `/farol/`: an address, so that the agent needs no names either.
pub(crate) const BELOW: &str = "127.0.0.1";

/// Where clients of the proxies come from: not from the proxies' own address, so that the two can be told apart.
pub(crate) const CLIENT: &str = "127.0.0.9";

/// Longest wait for an answer.
const WITHIN: Duration = Duration::from_secs(30);

/// A TLS connection to a proxy.
pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// nginx.
    Nginx,
    /// Caddy.
    Caddy,
}

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Front {
    /// Its port for HTTPS.
    pub(crate) port: u16,
    /// Its port for plain HTTP; only nginx is told to have one.
    pub(crate) plain_port: u16,
    certificate: CertificateDer<'static>,
    process: ServerProcess,
}

impl Front {
    /// Starts a proxy before an upstream and waits until it answers.
    pub(crate) fn start(kind: Kind, upstream: SocketAddr) -> Self {
        let (port, plain_port) = (free_port(), free_port());
        let dir = TempDir::new().unwrap();
        let key = KeyPair::generate().unwrap();
        let made = CertificateParams::new([ROOT.to_owned(), BELOW.to_owned()]).unwrap().self_signed(&key).unwrap();
        fs::write(dir.path().join("cert.pem"), made.pem()).unwrap();
        fs::write(dir.path().join("key.pem"), key.serialize_pem()).unwrap();
        let process = match kind {
            Kind::Nginx => nginx(dir, upstream, port, plain_port),
            Kind::Caddy => caddy(dir, upstream, port, plain_port),
        };
        let front = Self { port, plain_port, certificate: made.der().clone(), process };
        until(&format!("{kind:?} to answer"), || {
            TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| format!("{error}: {}", front.process.log()))
        });
        front
    }

    /// The certificate to trust.
    pub(crate) fn ca_file(&self) -> String {
        self.process.dir.path().join("cert.pem").display().to_string()
    }

    /// Address of Farol by one of the two names.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("https://{name}:{}{}", self.port, if name == BELOW { "/farol" } else { "" })
    }

    /// A connection of its own.
    pub(crate) fn connect(&self, name: &str) -> Secure {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = from_client(self.port);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
    }

    /// Writes a request's head for a path as it stands.
    pub(crate) fn head(&self, name: &str, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {name}:{}\r\nContent-Length: {length}\r\n", self.port);
        head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        head + "\r\n"
    }

    /// Asks below the path at which a name shows Farol.
    pub(crate) fn ask(&self, name: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let path = if name == BELOW { format!("/farol{path}") } else { path.to_owned() };
        self.ask_whole(name, method, &path, headers, body)
    }

    /// Asks for a path as it stands.
    pub(crate) fn ask_whole(&self, name: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        use std::io::Write as _;
        let mut connection = self.connect(name);
        let head = self.head(name, method, path, headers, body.len());
        connection.write_all(&[head.as_bytes(), body].concat()).unwrap();
        read_answer(&mut BufReader::new(connection)).unwrap_or_else(|error| panic!("{method} {path} at {name}: {error}"))
    }
}

/// A connection to a port of the loopback interface that comes from [`CLIENT`].
pub(crate) fn from_client(port: u16) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(CLIENT.parse().unwrap(), 0)).unwrap();
        socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    stream
}

/// A shipped configuration with the test's own names, ports and certificates.
fn shipped(path: &str, pairs: &[(&str, String)]) -> String {
    let mut text = fs::read_to_string(project().join(path)).unwrap();
    for (theirs, ours) in pairs {
        assert!(text.contains(theirs), "{path} has no {theirs:?} any more");
        text = text.replace(theirs, ours);
    }
    text
}

fn nginx(dir: TempDir, upstream: SocketAddr, port: u16, plain_port: u16) -> ServerProcess {
    let here = dir.path().display().to_string();
    let file = |name: &str| format!("{here}/{name}");
    let pairs = [
        // Not every machine has IPv6.
        ("    listen [::]:443 ssl http2;\n", String::new()),
        ("    listen [::]:80;\n", String::new()),
        ("listen 443 ", format!("listen 127.0.0.1:{port} ")),
        ("listen 80;", format!("listen 127.0.0.1:{plain_port};")),
        ("127.0.0.1:8650", upstream.to_string()),
        ("/etc/ssl/farol.example/fullchain.pem", file("cert.pem")),
        ("/etc/ssl/farol.example/privkey.pem", file("key.pem")),
        ("/etc/ssl/app.example/fullchain.pem", file("cert.pem")),
        ("/etc/ssl/app.example/privkey.pem", file("key.pem")),
        ("farol.example", ROOT.to_owned()),
        ("app.example", BELOW.to_owned()),
    ];
    fs::write(file("farol.conf"), shipped("packaging/nginx/farol.conf", &pairs)).unwrap();
    let folders =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {here}/{of};\n")).concat();
    let whole = format!(
        "daemon off;\npid {here}/pid;\nworker_processes 1;\nerror_log stderr;\n{}events {{}}\nhttp {{\naccess_log off;\n{folders}include {here}/farol.conf;\n}}\n",
        if is_root() { "user root;\n" } else { "" }
    );
    fs::write(file("nginx.conf"), whole).unwrap();
    let arguments = ["-e", "stderr", "-p", &here, "-c", &file("nginx.conf")].map(str::to_owned);
    run(Process::command("nginx").args(&arguments).arg("-t"));
    ServerProcess::start("nginx", Process::command("nginx").args(&arguments), dir)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
}

fn caddy(dir: TempDir, upstream: SocketAddr, port: u16, plain_port: u16) -> ServerProcess {
    let here = dir.path().display().to_string();
    let site = |name: &str| format!("https://{name}:{port} {{\n\ttls {here}/cert.pem {here}/key.pem\n\tbind 127.0.0.1\n");
    let pairs = [
        ("\nfarol.example {\n", format!("\n{}", site(ROOT))),
        ("\napp.example {\n", format!("\n{}", site(BELOW))),
        ("127.0.0.1:8650", upstream.to_string()),
    ];
    let shipped = shipped("packaging/caddy/Caddyfile", &pairs);
    let whole = format!("{{\n\tadmin off\n\thttp_port {plain_port}\n\tauto_https disable_redirects\n}}\n{shipped}");
    fs::write(dir.path().join("Caddyfile"), whole).unwrap();
    let mut command = Process::command("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(dir.path().join("Caddyfile"));
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(name, Path::new(&here));
    }
    ServerProcess::start("caddy", &mut command, dir)
}
