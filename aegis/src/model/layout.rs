//! Which subject serves which purpose: the table of `docs/subjects.md`, in one place.

use super::command::{JobId, Priority};
use super::name::{InstanceId, MethodName, NameError, ServiceName};
use super::subject::{Pattern, Subject};

/// No method has such a name.
pub(crate) const STEP_DOWN: &str = "-step-down";

/// Makes every subject of the framework, under one optional prefix.
///
/// ```
/// use aegis::Layout;
///
/// let staging = Layout::with_prefix("staging")?;
/// let add = staging.rpc(&"calculator".parse()?, &"add".parse()?);
/// assert_eq!(add.as_str(), "staging.rpc.calculator.add");
/// # Ok::<(), aegis::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Empty, or ends with a dot.
    prefix: String,
    micro: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            micro: "$SRV".to_owned(),
        }
    }
}

impl Layout {
    /// Puts `prefix` (one or more tokens) before every subject; an empty one is no prefix.
    pub fn with_prefix(prefix: &str) -> Result<Self, NameError> {
        if prefix.is_empty() {
            return Ok(Self::default());
        }
        Subject::parse(prefix)?;
        Ok(Self {
            prefix: format!("{prefix}."),
            ..Self::default()
        })
    }

    /// Answers the NATS micro protocol under another root than `$SRV`.
    #[must_use]
    pub fn with_micro_root(mut self, root: &Subject) -> Self {
        root.as_str().clone_into(&mut self.micro);
        self
    }

    /// The first tokens of self-description: `$SRV`, or what stands for it.
    pub(crate) fn micro_root(&self) -> &str {
        &self.micro
    }

    /// What stands before every subject: the prefix with its dot, or nothing.
    pub(crate) fn before(&self) -> &str {
        &self.prefix
    }

    /// The prefix without its dot; empty if there is none.
    pub fn prefix(&self) -> &str {
        self.prefix.trim_end_matches('.')
    }

    /// Puts the prefix before a subject that was written without it.
    pub fn place(&self, subject: &Subject) -> Subject {
        if self.prefix.is_empty() {
            return subject.clone();
        }
        Subject::trusted(format!("{}{subject}", self.prefix))
    }

    /// `{prefix}_{name}`: a bucket. Its name has no dots, so those of the prefix become `_`, and so
    /// does whatever else a bucket's name cannot have.
    pub fn bucket(&self, name: &str) -> String {
        let prefix = self
            .prefix
            .replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
        format!("{prefix}{name}")
    }

    /// `rpc.{service}.{method}`: any instance answers.
    pub fn rpc(&self, service: &ServiceName, method: &MethodName) -> Subject {
        Subject::trusted(format!("{}rpc.{service}.{method}", self.prefix))
    }

    /// `rpc.{service}.*.{instance}`: what one instance listens on for calls meant for it alone.
    pub fn rpc_instance(&self, service: &ServiceName, instance: &InstanceId) -> Pattern {
        Pattern::trusted(format!("{}rpc.{service}.*.{instance}", self.prefix))
    }

    /// `{subject}.{instance}`: one instance answers.
    pub fn to_instance(subject: &Subject, instance: &InstanceId) -> Subject {
        Subject::trusted(format!("{subject}.{instance}"))
    }

    /// `rpc.{service}`: the queue group that shares the calls among instances.
    pub fn rpc_queue(service: &ServiceName) -> String {
        format!("rpc.{service}")
    }

    /// `rpc.{service}.{instance}`: the queue group of one instance, which has one member unless two
    /// processes were given the same id.
    pub fn instance_queue(service: &ServiceName, instance: &InstanceId) -> String {
        format!("rpc.{service}.{instance}")
    }

    /// `rpc.{service}.-.{instance}`: whether this instance is there. No method has that name, so
    /// whoever is there answers that it has none.
    pub fn is_there(&self, service: &ServiceName, instance: &InstanceId) -> Subject {
        Subject::trusted(format!("{}rpc.{service}.-.{instance}", self.prefix))
    }

    /// `rpc.{service}.-step-down.{instance}`: asks an instance that leads to let another one lead.
    pub fn step_down(&self, service: &ServiceName, instance: &InstanceId) -> Subject {
        Subject::trusted(format!(
            "{}rpc.{service}.{STEP_DOWN}.{instance}",
            self.prefix
        ))
    }

    /// `leaders.{service}.{group}`: where a leader tells of its renewals. The group is a name like
    /// that of a service.
    pub(crate) fn leaders(&self, service: &ServiceName, group: &ServiceName) -> Subject {
        Subject::trusted(format!("{}leaders.{service}.{group}", self.prefix))
    }

    /// `cancel.{service}.{reply}`: where the caller that waits on a reply subject says that it gave
    /// up; the dots of the reply subject become dashes.
    pub fn cancel(&self, service: &str, reply: &str) -> Subject {
        Subject::trusted(format!(
            "{}cancel.{service}.{}",
            self.prefix,
            reply.replace('.', "-")
        ))
    }

    /// `cancel.{service}.*`: what every instance listens on.
    pub fn cancels(&self, service: &ServiceName) -> Pattern {
        Pattern::trusted(format!("{}cancel.{service}.*", self.prefix))
    }

    /// `$SRV.{verb}[.{name}[.{id}]]`, the three subjects of one verb (NATS micro, ADR-32).
    pub fn micro(&self, verb: &str, service: &ServiceName, instance: &InstanceId) -> [Pattern; 3] {
        let root = format!("{}.{verb}", self.micro);
        [
            Pattern::trusted(root.clone()),
            Pattern::trusted(format!("{root}.{service}")),
            Pattern::trusted(format!("{root}.{service}.{instance}")),
        ]
    }

    /// `{prefix}_{name}`: a stream. Its name has no dots, as that of a bucket.
    pub fn stream(&self, name: &str) -> String {
        self.bucket(name)
    }

    /// `events.>`: all events.
    pub(crate) fn events(&self) -> Pattern {
        Pattern::trusted(format!("{}events.>", self.prefix))
    }

    /// `fences.events.>`: where leaders raise the fences of what they publish; beside the events,
    /// so that nobody who listens to them hears it.
    pub(crate) fn fences(&self) -> Pattern {
        Pattern::trusted(format!("{}fences.events.>", self.prefix))
    }

    /// `fences.events.{service}.{group}`: the fence of one group.
    pub(crate) fn fence(&self, service: &str, group: &str) -> Subject {
        Subject::trusted(format!("{}fences.events.{service}.{group}", self.prefix))
    }

    /// `dead.>`: what could not be handled.
    pub(crate) fn dead_letters(&self) -> Pattern {
        Pattern::trusted(format!("{}dead.>", self.prefix))
    }

    /// `dead.{subject}`: where a message that was sent on a subject goes when it is given up.
    pub(crate) fn dead(&self, subject: &str) -> Subject {
        let subject = subject.strip_prefix(&self.prefix).unwrap_or(subject);
        Subject::trusted(format!("{}dead.{subject}", self.prefix))
    }

    /// The name of the event that was sent on a subject; none if it is no event's.
    pub(crate) fn event_name<'a>(&self, subject: &'a str) -> Option<&'a str> {
        subject.strip_prefix(&self.prefix)?.strip_prefix("events.")
    }

    /// `events.{domain}.{type}`: an event of this name.
    pub fn event(&self, name: &str) -> Result<Subject, NameError> {
        NameError::event(name)?;
        Ok(Subject::trusted(format!("{}events.{name}", self.prefix)))
    }

    /// `events.{pattern}`: what a handler for these events listens on. The pattern has been
    /// checked.
    pub(crate) fn event_pattern(&self, pattern: &str) -> Pattern {
        Pattern::trusted(format!("{}events.{pattern}", self.prefix))
    }

    /// `commands.>`: all commands.
    pub(crate) fn commands(&self) -> Pattern {
        Pattern::trusted(format!("{}commands.>", self.prefix))
    }

    /// `commands.{service}.{command}.{priority}`: one lane of a command.
    pub fn command(
        &self,
        service: &ServiceName,
        command: &MethodName,
        priority: Priority,
    ) -> Subject {
        let prefix = &self.prefix;
        Subject::trusted(format!("{prefix}commands.{service}.{command}.{priority}"))
    }

    /// The service, the command and the priority of what was sent on a subject; none if it is no
    /// command's.
    pub(crate) fn command_of<'a>(&self, subject: &'a str) -> Option<(&'a str, &'a str, Priority)> {
        let rest = subject.strip_prefix(&self.prefix)?;
        let mut tokens = rest.strip_prefix("commands.")?.split('.');
        let found = (tokens.next()?, tokens.next()?, tokens.next()?.parse().ok()?);
        tokens.next().is_none().then_some(found)
    }

    /// `jobs.{id}.{about}`: what is said about a job to whoever listens: `state`, `progress`,
    /// `cancel`.
    pub(crate) fn job(&self, id: &JobId, about: &str) -> Subject {
        Subject::trusted(format!("{}jobs.{id}.{about}", self.prefix))
    }

    /// `jobs.{id}.*`: everything that is said about one job.
    pub(crate) fn job_news(&self, id: &JobId) -> Pattern {
        Pattern::trusted(format!("{}jobs.{id}.*", self.prefix))
    }

    /// `jobs.*.cancel`: what every instance with commands listens on.
    pub(crate) fn job_cancels(&self) -> Pattern {
        Pattern::trusted(format!("{}jobs.*.cancel", self.prefix))
    }

    /// `$SRV.{verb}`: where everybody is asked (NATS micro, ADR-32).
    pub fn micro_all(&self, verb: &str) -> Subject {
        Subject::trusted(format!("{}.{verb}", self.micro))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_those_of_the_wire() {
        let service = ServiceName::parse("calculator").unwrap();
        let method = MethodName::parse("add").unwrap();
        let instance = InstanceId::parse("calculator-2").unwrap();
        for (prefix, before) in [
            ("", ""),
            ("staging", "staging."),
            ("eu.staging", "eu.staging."),
        ] {
            let layout = Layout::with_prefix(prefix).unwrap();
            let shared = layout.rpc(&service, &method);
            let rows = [
                (shared.to_string(), "rpc.calculator.add"),
                (
                    layout
                        .place(&Subject::literal("rpc.calculator.add"))
                        .to_string(),
                    "rpc.calculator.add",
                ),
                (
                    Layout::to_instance(&shared, &instance).to_string(),
                    "rpc.calculator.add.calculator-2",
                ),
                (
                    layout.rpc_instance(&service, &instance).to_string(),
                    "rpc.calculator.*.calculator-2",
                ),
                (
                    layout.cancel("calculator", "_INBOX.a.7").to_string(),
                    "cancel.calculator._INBOX-a-7",
                ),
                (layout.cancels(&service).to_string(), "cancel.calculator.*"),
            ];
            for (made, expected) in rows {
                assert_eq!(made, format!("{before}{expected}"));
            }
            assert_eq!(Layout::rpc_queue(&service), "rpc.calculator");
            let own = Layout::instance_queue(&service, &instance);
            assert_eq!(own, "rpc.calculator.calculator-2");
            assert_eq!(layout.prefix(), prefix);
            let bucket = format!("{}users", before.replace('.', "_"));
            assert_eq!(layout.bucket("users"), bucket);
        }
        let ping = Layout::default().micro("PING", &service, &instance);
        assert_eq!(
            ping.map(|pattern| pattern.to_string()),
            [
                "$SRV.PING",
                "$SRV.PING.calculator",
                "$SRV.PING.calculator.calculator-2"
            ]
        );
        assert!(Layout::with_prefix("a.*").is_err());
    }

    #[test]
    fn subjects_of_commands_are_those_of_the_wire() {
        let service = ServiceName::parse("importer").unwrap();
        let command = MethodName::parse("import").unwrap();
        let job = JobId::parse("7-a").unwrap();
        for (prefix, before) in [("", ""), ("eu.staging", "eu.staging.")] {
            let layout = Layout::with_prefix(prefix).unwrap();
            let lane = layout.command(&service, &command, Priority::High);
            for (made, expected) in [
                (lane.to_string(), "commands.importer.import.high"),
                (layout.commands().to_string(), "commands.>"),
                (layout.job(&job, "state").to_string(), "jobs.7-a.state"),
                (layout.job_news(&job).to_string(), "jobs.7-a.*"),
                (layout.job_cancels().to_string(), "jobs.*.cancel"),
            ] {
                assert_eq!(made, format!("{before}{expected}"));
            }
        }
    }

    #[test]
    fn a_command_is_known_by_its_subject() {
        for (prefix, subject, found) in [
            (
                "",
                "commands.importer.import.low",
                Some(("importer", "import", Priority::Low)),
            ),
            (
                "eu",
                "eu.commands.importer.import.high",
                Some(("importer", "import", Priority::High)),
            ),
            ("eu", "commands.importer.import.low", None),
            ("", "commands.importer.import", None),
            ("", "commands.importer.import.urgent", None),
            ("", "commands.importer.import.low.x", None),
            ("", "events.importer.import.low", None),
        ] {
            let layout = Layout::with_prefix(prefix).unwrap();
            assert_eq!(layout.command_of(subject), found, "{prefix} {subject}");
        }
    }
}
