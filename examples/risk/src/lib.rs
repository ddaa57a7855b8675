use std::time::Duration;

use aegis::prelude::*;
use serde::{Deserialize, Serialize};

/// What a book loses in the worst scenario.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Worst {
    pub scenario: u32,
    pub cents: u64,
}

pub struct Risk;

#[aegis::service(name = "risk", version = "0.1.0")]
impl Risk {
    /// Any one worker values a book. After an error, or a crash, it is begun again.
    #[command(ack_wait = "5s")]
    async fn value(
        &self,
        ctx: &Context,
        progress: &Progress,
        book: String,
        scenarios: u32,
    ) -> Result<Worst, Failure> {
        println!("{} values {book}", ctx.instance());
        let mut worst = Worst {
            scenario: 0,
            cents: 0,
        };
        for scenario in 1..=scenarios {
            tokio::time::sleep(Duration::from_millis(20)).await; // It takes its time.
            let cents = u64::from(scenario) * 7919 % 1000;
            if cents > worst.cents {
                worst = Worst { scenario, cents };
            }
            let percent = 100.0 * f64::from(scenario) / f64::from(scenarios);
            let message = format!("scenario {scenario}");
            progress.report(percent, &message).await?;
        }
        Ok(worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis::testing::TestApp;

    #[tokio::test]
    async fn the_worst_scenario_is_found() {
        let app = TestApp::new().service(Risk).start().await.unwrap();
        let risk: RiskClient = app.client();
        let job = risk.value("equities".to_owned(), 3).send().await.unwrap();
        let worst = Worst {
            scenario: 1,
            cents: 919,
        };
        assert_eq!(job.result().await.unwrap(), worst);
        app.stop().await.unwrap();
    }
}
