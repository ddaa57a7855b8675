//! How far a job is, told while it runs.

use super::*;

/// Everything that is told up to the end.
async fn told(job: &Job<u32>) -> Vec<JobStatus> {
    let mut updates = job.progress();
    let mut all = Vec::new();
    while let Some(update) = soon("an update", updates.next()).await {
        all.push(update.unwrap());
    }
    all
}

fn percents(all: &[JobStatus]) -> Vec<f64> {
    let told = all.iter().filter_map(|status| status.progress.as_ref());
    told.map(|progress| progress.percent).collect()
}

#[tokio::test]
async fn progress_is_told_and_ends_with_the_job() {
    for ground in Ground::both().await {
        let (app, works, _, pace) = working(&ground).await;
        let job = works.halves().send().await.unwrap();
        let mut updates = job.progress();
        let mut all = Vec::new();
        while let Some(update) = soon("an update", updates.next()).await {
            let update = update.unwrap();
            let half = update.progress.as_ref().is_some_and(|at| at.percent > 49.0);
            if half && pace.available_permits() == 0 && !update.state.is_final() {
                pace.add_permits(1);
            }
            all.push(update);
        }
        let last = all.last().unwrap();
        assert_eq!(last.state, JobState::Succeeded, "{}", ground.name);
        let progress = last.progress.as_ref().unwrap();
        assert_eq!((progress.percent, &*progress.message), (100.0, "done"));
        assert!(percents(&all).contains(&50.0), "{:?}", percents(&all));
        assert!(percents(&all).is_sorted(), "{:?}", percents(&all));
        // Whoever comes late is told how it is, and that is all.
        let late = told(&job).await;
        assert_eq!(late.len(), 1, "{}", ground.name);
        assert_eq!(late[0].progress, last.progress, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn queue_not_polluted_by_progress() {
    for ground in Ground::both().await {
        let (app, works, _, _) = working(&ground).await;
        let before = ground.queue().await;
        let job = works.report(5000).send().await.unwrap();
        let (all, result) = tokio::join!(told(&job), async {
            job.result().within(PATIENCE).await.unwrap()
        });
        assert_eq!(result, 5000, "{}", ground.name);
        let after = ground.queue().await;
        // The command itself, and nothing else, ever was in it.
        let stored = after.last_sequence - before.last_sequence;
        assert_eq!((stored, after.messages), (1, 0), "{}", ground.name);
        // They came in a burst: nobody was told of each.
        assert!(all.len() < 1000, "{}: {}", ground.name, all.len());
        let last = all.last().unwrap().progress.as_ref().unwrap();
        assert_eq!((last.percent, &*last.message), (100.0, "step 5000"));
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn progress_is_checked_and_never_goes_back() {
    let progress = Progress::unheard();
    for wrong in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
        let error = progress.report(wrong, "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("0 to 100"), "{error}");
    }
    progress.report(0.0, "").await.unwrap();
    progress.report(100.0, "").await.unwrap();
    for ground in Ground::both().await {
        let (app, works, _, _) = working(&ground).await;
        let job = works.back_and_forth().send().await.unwrap();
        let told = told(&job).await;
        assert!(percents(&told).is_sorted(), "{:?}", percents(&told));
        let last = told.last().unwrap().progress.as_ref().unwrap();
        assert_eq!((last.percent, &*last.message), (60.0, "back"));
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn each_attempt_begins_anew() {
    for ground in Ground::both().await {
        let (app, works, _, _) = working(&ground).await;
        let job = works.fail_half_way().send().await.unwrap();
        let all = told(&job).await;
        let last = all.last().unwrap();
        assert_eq!((last.state, last.attempt), (JobState::Succeeded, 2));
        let retrying = all.iter().find(|one| one.state == JobState::Retrying);
        if let Some(retrying) = retrying {
            assert_eq!(retrying.error.as_ref().unwrap().code(), "HALF");
        }
        let progress = last.progress.as_ref().unwrap();
        assert_eq!(progress.message, "again", "{}", ground.name);
        assert!((progress.percent - 20.0).abs() < 0.1, "{}", ground.name);
        app.stop().await.unwrap();
    }
}
