//! What an error of the Kubernetes API means, and what to do about it. Texts of kubeconfigs and of the
//! commands in them are not quoted: they hold secrets.

use std::error::Error as _;

use kube::client::AuthError;
use kube::config::KubeconfigError;

/// Why there is no way into the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Obstacle {
    pub(crate) text: String,
    /// Waiting does not help: somebody must change something.
    pub(crate) lasting: bool,
}

impl Obstacle {
    /// One that may pass by itself.
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lasting: false,
        }
    }

    /// One that stays until somebody changes something.
    pub(super) fn lasting(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lasting: true,
        }
    }
}

/// What was asked of the API, for texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) verb: &'static str,
    pub(super) resource: &'static str,
    pub(super) namespace: &'a str,
}

impl Wish<'_> {
    /// What a refusal means.
    pub(super) fn refused(self, error: &kube::Error) -> Obstacle {
        let Self {
            verb,
            resource,
            namespace,
        } = self;
        let wish = format!("{verb} {resource} in namespace {namespace}");
        match error {
            kube::Error::Api(status) if status.code == 401 => Obstacle::lasting(
                "the API server does not take the login of the kubeconfig: log in again, until \
                 `kubectl get pods` works",
            ),
            kube::Error::Api(status) if status.code == 403 => Obstacle::lasting(format!(
                "the right to {wish} is missing: ask for it (`kubectl auth can-i {verb} {resource} -n \
                 {namespace}` must say yes)"
            )),
            kube::Error::Api(status) => Obstacle::passing(format!(
                "the API server refuses to {wish}: {} ({})",
                status.message, status.code
            )),
            kube::Error::Auth(error) => login(error),
            kube::Error::Service(_) | kube::Error::HyperError(_) => Obstacle::passing(format!(
                "the API server does not answer: {} (is the cluster running, and does `kubectl get \
                 pods` work?)",
                innermost(error)
            )),
            other => Obstacle::passing(format!("it was not possible to {wish}: {other}")),
        }
    }
}

/// What is wrong with the login of a kubeconfig.
pub(super) fn login(error: &AuthError) -> Obstacle {
    let text = match error {
        AuthError::AuthExecStart(cause) => format!("could not be started: {cause}"),
        AuthError::AuthExecRun { out, .. } => format!("failed ({})", out.status),
        AuthError::AuthExecParse(_) => "printed something that is no login".to_owned(),
        AuthError::ReadTokenFile(cause, path) => {
            return Obstacle::lasting(format!(
                "the token file {} of the kubeconfig cannot be read: {cause}",
                path.display()
            ));
        }
        _ => {
            return Obstacle::lasting(
                "the login of the kubeconfig cannot be used: log in again, until `kubectl get pods` \
                 works",
            );
        }
    };
    Obstacle::lasting(format!(
        "the command that the kubeconfig logs in with {text}; log in again, until `kubectl get pods` \
         works"
    ))
}

/// The last cause: the ones before only quote it.
fn innermost(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = next.to_string();
        cause = next.source();
    }
    text
}

/// What is wrong with a kubeconfig.
pub(super) fn unusable(path: &str, error: &KubeconfigError) -> Obstacle {
    let text = match error {
        // Its own text quotes the lines around.
        KubeconfigError::Parse(cause) => match cause.location() {
            Some(place) => format!("it is no kubeconfig: line {} is wrong", place.line()),
            None => "it is no kubeconfig".to_owned(),
        },
        KubeconfigError::ReadConfig(cause, _) => format!("it cannot be read: {cause}"),
        KubeconfigError::ParseCertificates(_) => {
            "its certificate of the API server is none".to_owned()
        }
        // A proxy may be written with a login.
        KubeconfigError::ParseProxyUrl(_) => "its proxy is no URL".to_owned(),
        other => other.to_string(),
    };
    Obstacle::lasting(format!("the kubeconfig {path} cannot be used: {text}"))
}
