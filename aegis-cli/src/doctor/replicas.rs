//! On how many servers everything is kept.

use super::facts::Facts;
use super::finding::{Finding, Group};
use super::store::bytes;
use super::stream::Stream;
use super::streams::called;

const GROUP: &str = "replicas";

pub(super) fn judge(facts: &Facts) -> Group {
    let all = match &facts.streams {
        Ok(all) => all,
        Err(why) => return Group::unasked(GROUP, why),
    };
    let Some(cluster) = &facts.server.cluster else {
        let summary = "the server is alone: everything is kept once";
        return Group::new(GROUP, summary, Vec::new());
    };
    let alone: Vec<&Stream> = all.iter().filter(|stream| stream.replicas < 3).collect();
    let summary = match alone.len() {
        0 => format!("everything is on 3 servers of the cluster {cluster} or more"),
        some => format!(
            "{some} of {} are on fewer than 3 servers of the cluster {cluster}",
            all.len()
        ),
    };
    let findings = alone.into_iter().map(|stream| few(stream, facts));
    Group::new(GROUP, summary, findings.collect())
}

fn few(stream: &Stream, facts: &Facts) -> Finding {
    let name = &stream.name;
    let what = format!(
        "{} is kept on {} of the cluster, with {}",
        called(name),
        if stream.replicas == 1 {
            "one server".to_owned()
        } else {
            format!("{} servers", stream.replicas)
        },
        bytes(stream.bytes)
    );
    let why = match stream.replicas {
        1 => {
            "while that server is away it cannot be used, and what it holds may be lost with its disk"
        }
        _ => "with two, both must be there for a write: it is worse than one",
    };
    let names = &facts.names;
    let own = [&names.events, &names.dead, &names.commands].contains(&name);
    let mend = if own {
        "`nats.replicas = 3` (AEGIS_NATS_REPLICAS=3) in the configuration of the services changes it at \
         their next start"
            .to_owned()
    } else {
        format!(
            "`nats stream edit {name} --replicas 3` now, and `nats.replicas = 3` (AEGIS_NATS_REPLICAS=3) \
             for what is made later"
        )
    };
    Finding::warning("few_replicas", name, what)
        .because(why)
        .mended_by(mend)
}
