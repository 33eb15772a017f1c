//! Each kind of credential gets a token from the simulated Azure, over TLS.
//!
//! What a credential goes by stands in environment variables, which belong to a whole process: so
//! each test starts the simulated Azure and then itself once more, in a process of its own.

use clock::Clock;
use doorward::azure::{Arm, Call, Settings, TokenError};
use doorward_core::firewall::raw_json::RawJson;
use doorward_sim::{CLIENT_ID, CLIENT_SECRET, Call as Asked, Registry, Sim, SimOptions, TENANT};
use futures_util::future::join_all;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// In the second process: the `azure` section it is to try.
const SETTINGS: &str = "DOORWARD_TEST_AZURE";

/// A simulated Azure, and the second process that is to get a token from it.
struct Story {
    azure: Sim,
    folder: TempDir,
}

impl Story {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = SimOptions::new(now());
        options.ca_dir = Some(folder.path().to_owned());
        let azure = Sim::start(options).await.unwrap();
        azure.add_registry(Registry::new("contosoprod"));
        Self { azure, folder }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A stand-in for `az` that takes note of being run; and the PATH it is on.
    fn install_az(&self) -> String {
        let token = self.azure.access_token(CLIENT_ID);
        let ends = now().now().as_second() + 3600;
        self.write("token.json", &format!(
            r#"{{"accessToken":"{token}","expiresOn":"2026-03-01 13:00:00.000000","expires_on":{ends},"subscription":"s","tenant":"{TENANT}","tokenType":"Bearer"}}"#
        ));
        let bin = self.folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let script = format!(
            "#!/bin/sh\ncd '{}' || exit 1\necho run >> runs\n\
             [ \"$*\" = 'account get-access-token -o json --scope https://management.azure.com/.default' ] || exit 2\n\
             [ ! -e broken ] || {{ echo 'ERROR: Please run az login to setup account.' >&2; exit 1; }}\n\
             cat token.json\n",
            self.folder.path().display()
        );
        let az = bin.join("az");
        std::fs::write(&az, script).unwrap();
        std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
        format!("{}:/usr/bin:/bin", bin.display())
    }

    /// Runs the test of this name in a process that has these variables and no others.
    async fn second_process(&self, test: &str, credential: &str, variables: &[(&str, &str)]) {
        let settings = format!(
            "{{ resource_manager: '{}', authority: '{}', ca_file: '{}', credential: {credential} }}",
            self.azure.resource_manager_tls(),
            self.azure.authority(),
            self.azure.ca_file().unwrap().display(),
        );
        let output = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args([&format!("credentials::{test}"), "--exact", "--nocapture"])
            .current_dir(self.folder.path())
            .env_clear()
            .env(SETTINGS, settings)
            // No certificates but those that the program brings along and `ca_file`.
            .env("SSL_CERT_FILE", "/nonexistent")
            .env("SSL_CERT_DIR", "/nonexistent")
            .envs(variables.iter().copied())
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let passed = output.status.success() && said.contains("1 passed");
        assert!(passed, "{said}{}", String::from_utf8_lossy(&output.stderr));
    }

    fn count(&self, asked: Asked) -> usize {
        self.azure.requests_of(asked).len()
    }

    /// How often `az` was run.
    fn runs(&self) -> usize {
        runs(self.folder.path())
    }
}

fn runs(folder: &Path) -> usize {
    let runs = std::fs::read_to_string(folder.join("runs"));
    runs.unwrap_or_default().lines().count()
}

fn now() -> Clock {
    Clock::set_to("2026-03-01T12:00:00Z".parse().unwrap())
}

/// The settings, in the second process; nothing in the first.
fn second() -> Option<Settings> {
    let settings = std::env::var_os(SETTINGS)?;
    Some(serde_saphyr::from_str(settings.to_str().unwrap()).unwrap())
}

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads the registry eight times at once with one token, and looks for secrets in the log.
async fn read_the_registry(settings: &Settings) {
    let log = Log::default();
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || to.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let arm = Arm::new(settings, now()).unwrap();
    let id = Registry::new("contosoprod").id().parse().unwrap();
    let call = Call::random();
    let read = || arm.registry(&id, arm.api_version(), &call);
    for registry in join_all((0..8).map(|_| read())).await {
        let registry = registry.unwrap().object().unwrap();
        assert_eq!(
            registry.get("name").and_then(RawJson::text).unwrap(),
            "contosoprod"
        );
    }
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("asked ARM"), "{log}");
    for secret in [
        "eyJ",
        "simulated-identity-header",
        "simulated-static-token",
        CLIENT_SECRET,
    ] {
        assert!(
            !log.contains(secret),
            "`{secret}` stands in the log:\n{log}"
        );
    }
}

#[tokio::test]
async fn managed_identity() {
    if let Some(settings) = second() {
        return read_the_registry(&settings).await;
    }
    let story = Story::new().await;
    let endpoint = story.azure.identity_endpoint();
    let header = story.azure.identity_header();
    let variables = [
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        ("IDENTITY_HEADER", header),
    ];
    let kind = "{ kind: managed_identity }";
    story
        .second_process("managed_identity", kind, &variables)
        .await;
    let user_assigned = format!("{{ kind: managed_identity, client_id: {CLIENT_ID} }}");
    story
        .second_process("managed_identity", &user_assigned, &variables)
        .await;
    let asked = story.azure.requests_of(Asked::Identity);
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].query["client_id"], CLIENT_ID);
    assert_eq!(story.count(Asked::GetRegistry), 16);
}

#[tokio::test]
async fn workload_identity_by_its_variables() {
    if let Some(settings) = second() {
        return read_the_registry(&settings).await;
    }
    let story = Story::new().await;
    let file = story.write("federated-token", &story.azure.federated_token());
    let variables = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", CLIENT_ID),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
    ];
    let test = "workload_identity_by_its_variables";
    story
        .second_process(test, "{ kind: workload_identity }", &variables)
        .await;
    assert_eq!(story.count(Asked::Token), 1);
}

#[tokio::test]
async fn workload_identity_by_its_settings() {
    if let Some(settings) = second() {
        return read_the_registry(&settings).await;
    }
    let story = Story::new().await;
    let file = story.write("federated-token", &story.azure.federated_token());
    let credential = format!(
        "{{ kind: workload_identity, tenant_id: {TENANT}, client_id: {CLIENT_ID}, token_file: '{}' }}",
        file.display()
    );
    let test = "workload_identity_by_its_settings";
    story.second_process(test, &credential, &[]).await;
    assert_eq!(story.count(Asked::Token), 1);
}

/// The `client_secret` credential of the registered app.
fn client_secret() -> String {
    format!(
        "{{ kind: client_secret, tenant_id: {TENANT}, client_id: {CLIENT_ID}, secret: {{ env: THE_SECRET }} }}"
    )
}

#[tokio::test]
async fn client_secret_of_an_app() {
    if let Some(settings) = second() {
        return read_the_registry(&settings).await;
    }
    let story = Story::new().await;
    let variables = [("THE_SECRET", CLIENT_SECRET)];
    let test = "client_secret_of_an_app";
    story
        .second_process(test, &client_secret(), &variables)
        .await;
    assert_eq!(story.count(Asked::Token), 1);
}

#[tokio::test]
async fn a_wrong_client_secret_is_told_in_the_words_of_entra() {
    if let Some(settings) = second() {
        let error = Arm::new(&settings, now()).unwrap().check_token().await;
        let error = error.unwrap_err();
        assert!(matches!(error, TokenError::Refused { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains("AADSTS7000215"), "{error}");
        assert!(error.contains("secret has expired"), "{error}");
        assert!(!error.contains("not-the-secret"), "{error}");
        return;
    }
    let story = Story::new().await;
    let variables = [("THE_SECRET", "not-the-secret")];
    let test = "a_wrong_client_secret_is_told_in_the_words_of_entra";
    story
        .second_process(test, &client_secret(), &variables)
        .await;
    assert_eq!(story.count(Asked::Token), 1);
}

#[tokio::test]
async fn static_token_from_a_variable() {
    if let Some(settings) = second() {
        return read_the_registry(&settings).await;
    }
    let story = Story::new().await;
    let variables = [("THE_TOKEN", story.azure.static_token())];
    let credential = "{ kind: static_token, env: THE_TOKEN }";
    let test = "static_token_from_a_variable";
    story.second_process(test, credential, &variables).await;
    assert_eq!(story.count(Asked::GetRegistry), 8);
}

#[tokio::test]
async fn azure_cli() {
    if let Some(settings) = second() {
        return read_the_registry(&settings).await;
    }
    let story = Story::new().await;
    let path = story.install_az();
    let variables = [("PATH", path.as_str())];
    story
        .second_process("azure_cli", "{ kind: azure_cli }", &variables)
        .await;
    assert_eq!(story.runs(), 1);
    assert_eq!(story.count(Asked::GetRegistry), 8);
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_and_kept_while_that_fails() {
    if let Some(settings) = second() {
        let (clock, here) = (now(), Path::new("."));
        let arm = Arm::new(&settings, clock.clone()).unwrap();
        arm.check_token().await.unwrap();
        clock.advance(Duration::from_mins(54));
        arm.check_token().await.unwrap();
        assert_eq!(runs(here), 1);
        clock.advance(Duration::from_mins(2));
        std::fs::write("broken", "").unwrap();
        arm.check_token().await.unwrap();
        assert_eq!(runs(here), 2);
        clock.advance(Duration::from_mins(4));
        let failures = join_all((0..8).map(|_| arm.check_token())).await;
        assert_eq!(runs(here), 3);
        for failure in failures {
            let error = failure.unwrap_err().to_string();
            assert!(error.contains("Please run az login"), "{error}");
        }
        return;
    }
    let story = Story::new().await;
    let path = story.install_az();
    let test = "a_token_is_renewed_before_its_end_and_kept_while_that_fails";
    let variables = [("PATH", path.as_str())];
    story
        .second_process(test, "{ kind: azure_cli }", &variables)
        .await;
}

#[tokio::test]
async fn what_is_missing_is_named() {
    if let Some(settings) = second() {
        match Arm::new(&settings, now()) {
            Err(error) => {
                let error = error.to_string();
                assert!(error.starts_with("azure.credential: "), "{error}");
                assert!(
                    error.contains("THE_") || error.contains("AZURE_"),
                    "{error}"
                );
            }
            Ok(arm) => {
                let error = arm.check_token().await.unwrap_err().to_string();
                assert!(error.contains("not found on PATH"), "{error}");
            }
        }
        return;
    }
    let story = Story::new().await;
    for credential in [
        "{ kind: workload_identity }",
        "{ kind: static_token, env: THE_TOKEN }",
        "{ kind: azure_cli }",
        client_secret().as_str(),
    ] {
        let variables = [("PATH", "/nowhere")];
        story
            .second_process("what_is_missing_is_named", credential, &variables)
            .await;
    }
}
