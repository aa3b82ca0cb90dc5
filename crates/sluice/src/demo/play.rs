//! Plays stories on a stage: asks, shows what happens, and waits until it has ended one way or the other.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures::FutureExt;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::Scope;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::judge::{Verdict, Witness, at_rest};
use super::load::{Ledger, Load};
use super::narrate::{Line, Told};
use super::scene::Scene;
use super::show::Show;
use super::stage::{NAMESPACE, Stage};
use super::story::{Act, Ask, End, Story};
use crate::render::Colour;

/// How late routes follow endpoints, as kube-proxy's do.
const PROPAGATION: Duration = Duration::from_millis(200);
/// Requests a second of the users, to every Service that they call.
const USERS: f64 = 150.0;
/// The same of the testers of a preview.
const TESTERS: f64 = 50.0;
/// No act takes nearly so long here.
pub const PATIENCE: Duration = Duration::from_secs(60);
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What became of a story.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub heading: String,
    /// What each act came to.
    pub ends: Vec<String>,
    /// Whether it is known how it should end: not of somebody else's rollout.
    pub judged: bool,
    /// Why it did not end as it should.
    pub failure: Option<String>,
    pub took: Duration,
    /// Of the users.
    pub ledger: Ledger,
    /// Of the testers, where there were any.
    pub testers: Option<Ledger>,
    /// What answered: hash and image.
    pub images: Vec<(String, String)>,
}

/// Somebody asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub struct Interrupted;

/// A stage, what is seen on it, and who is told.
pub struct Player<'a> {
    pub stage: Stage,
    pub scene: Scene,
    pub told: Told,
    pub show: &'a mut Show,
    pub stop: CancellationToken,
    pub client: kube::Client,
    /// How long an act may take.
    pub patience: Duration,
}

/// The callers of a story.
pub struct Callers {
    pub users: Load,
    pub testers: Option<Load>,
    tasks: JoinSet<()>,
    end: CancellationToken,
}

impl Player<'_> {
    /// Plays one story. What fails in it is part of its outcome.
    ///
    /// # Errors
    /// It was interrupted, or the cluster itself broke down.
    pub async fn play(&mut self, story: &Story) -> Result<Outcome> {
        let begun = Instant::now();
        self.show.chapter(&story.heading(), &story.rollout)?;
        let callers = Callers::start(&self.stage, &story.users, &story.testers)?;
        let mut outcome = Outcome {
            heading: story.heading(),
            ends: Vec::new(),
            judged: story.acts.iter().all(|act| act.end != End::Settled),
            failure: None,
            took: Duration::ZERO,
            ledger: Ledger::default(),
            testers: None,
            images: Vec::new(),
        };
        for act in &story.acts {
            let verdict = match self.ask(story, act).await {
                Err(error) if error.is::<Interrupted>() => return Err(error),
                Err(error) => Verdict::Wrong(format!("{error:#}")),
                Ok(()) => self.until(story, act, &callers).await?,
            };
            match verdict {
                Verdict::Ended(what) => {
                    let said = match act.end {
                        End::Settled => what.clone(),
                        End::Deployed | End::Promoted | End::TakenBack => format!("as it should: {what}"),
                    };
                    self.show.line(&Line::new("demo", said, Colour::Green))?;
                    outcome.ends.push(what);
                }
                Verdict::Wrong(why) | Verdict::NotYet(why) => {
                    self.show
                        .line(&Line::new("demo", format!("NOT as it should: {why}"), Colour::Red))?;
                    outcome.failure = Some(why);
                    break;
                }
            }
        }
        let (ledger, testers) = callers.stop().await;
        outcome.took = begun.elapsed();
        let failures = ledger.routing_failures();
        if failures > 0 && outcome.failure.is_none() {
            outcome.failure = Some(format!("{failures} requests failed on their way"));
        }
        let hashes = ledger.by_hash.keys();
        outcome.images = hashes
            .map(|hash| (hash.clone(), self.scene.image(hash).unwrap_or_default()))
            .collect();
        (outcome.ledger, outcome.testers) = (ledger, testers);
        Ok(outcome)
    }

    /// Does the one thing that an act consists of.
    async fn ask(&mut self, story: &Story, act: &Act) -> Result<()> {
        let said = match &act.asks {
            Ask::Apply => {
                for object in &story.objects {
                    self.create(object).await?;
                }
                format!(
                    "applied {} objects, the rollout {} among them",
                    story.objects.len(),
                    story.rollout
                )
            }
            Ask::Image(image) => {
                set_image(&self.client, &story.rollout, image).await?;
                format!("set the image of {} to {image}", story.rollout)
            }
        };
        self.show.line(&Line::new("demo", said, Colour::Blue))?;
        Ok(())
    }

    /// Shows what happens until the act has ended.
    async fn until(&mut self, story: &Story, act: &Act, callers: &Callers) -> Result<Verdict> {
        let mut witness = Witness::new(&self.scene, &story.rollout, act);
        // Nobody knows how long somebody else's rollout takes; there is Ctrl-C.
        let patience = match act.end {
            End::Deployed | End::Promoted | End::TakenBack => self.patience,
            End::Settled => FOR_EVER,
        };
        let late = Instant::now() + patience;
        loop {
            let missing = match witness.look(&self.scene, Instant::now()) {
                Verdict::NotYet(missing) => missing,
                verdict @ (Verdict::Ended(_) | Verdict::Wrong(_)) => return Ok(verdict),
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Interrupted.into()),
                error = self.stage.broken() => return Err(error),
                () = tokio::time::sleep_until(late) => {
                    let waited = patience.as_secs();
                    return Ok(Verdict::Wrong(format!("it did not end within {waited} s: {missing}")));
                }
                () = self.show.pulse() => self.show.draw(&self.scene, callers)?,
                () = self.scene.next() => self.tell_news()?,
            }
        }
    }

    fn tell_news(&mut self) -> Result<()> {
        // What has arrived together is looked at together.
        while self.scene.next().now_or_never().is_some() {}
        for line in self.told.news(&self.scene) {
            self.show.line(&line)?;
        }
        Ok(())
    }

    /// Goes on serving until somebody asks to stop: with a rollout to try things on, and those that the stories left
    /// aborted back on their stable image. Says `try_this` when all is there.
    ///
    /// # Errors
    /// The cluster itself broke down, or refused what it must not.
    pub async fn keep(&mut self, stories: &[Story], yours: &Story, try_this: &str) -> Result<()> {
        for object in &yours.objects {
            self.create(object).await?;
        }
        for story in stories {
            let status = self.scene.status(&story.rollout);
            if let (true, Some(image)) = (status.abort, self.scene.image(&status.stable_rs)) {
                set_image(&self.client, &story.rollout, &image).await?;
            }
        }
        let mut users: Vec<String> = stories.iter().flat_map(|story| story.users.clone()).collect();
        users.extend(yours.users.iter().cloned());
        let testers: Vec<String> = stories.iter().flat_map(|story| story.testers.clone()).collect();
        let callers = Callers::start(&self.stage, &users, &testers)?;
        let mut to_say = Some(try_this);
        loop {
            if at_rest(&self.scene, &yours.rollout)
                && let Some(text) = to_say.take()
            {
                self.show.text(text)?;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                error = self.stage.broken() => return Err(error),
                () = self.show.pulse() => self.show.draw(&self.scene, &callers)?,
                () = self.scene.next() => self.tell_news()?,
            }
        }
        callers.stop().await;
        Ok(())
    }

    /// Creates an object; one that is there already stays as it is, one of a kind that is not simulated is left out.
    async fn create(&mut self, object: &Value) -> Result<()> {
        let dynamic: DynamicObject = serde_json::from_value(object.clone())?;
        let name = dynamic.metadata.name.clone().unwrap_or_default();
        let types = dynamic.types.clone().unwrap_or_default();
        let attempt = || format!("could not create {} {name}", types.kind);
        let kind = GroupVersionKind::try_from(&types).with_context(attempt)?;
        let (resource, capabilities) = match kube::discovery::pinned_kind(&self.client, &kind).await {
            Ok(known) => known,
            Err(error) => {
                let what = format!("left out {} {name}: {error}", types.kind);
                return Ok(self.show.line(&Line::new("demo", what, Colour::Yellow))?);
            }
        };
        let api: Api<DynamicObject> = match capabilities.scope {
            Scope::Cluster => Api::all_with(self.client.clone(), &resource),
            Scope::Namespaced => Api::namespaced_with(self.client.clone(), NAMESPACE, &resource),
        };
        match api.create(&PostParams::default(), &dynamic).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(error) => Err(anyhow!(error).context(attempt())),
        }
    }
}

impl Callers {
    /// Users call as soon as there is somebody to answer.
    ///
    /// # Errors
    /// A client could not be set up.
    pub fn start(stage: &Stage, users: &[String], testers: &[String]) -> Result<Callers> {
        let end = CancellationToken::new();
        let mut callers = Callers {
            users: Load::new(stage.table.clone(), users),
            testers: (!testers.is_empty()).then(|| Load::new(stage.table.clone(), testers)),
            tasks: JoinSet::new(),
            end,
        };
        let loads = [(Some(callers.users.clone()), USERS), (callers.testers.clone(), TESTERS)];
        for (load, per_second) in loads {
            let Some(load) = load else { continue };
            let client = stage.client("callers")?;
            let end = callers.end.clone();
            callers.tasks.spawn(async move {
                tokio::select! {
                    () = load.follow(client, NAMESPACE, PROPAGATION) => {}
                    () = load.run(per_second, end.cancelled_owned()) => {}
                }
            });
        }
        Ok(callers)
    }

    /// Waits for the last answers; what became of the requests of users and testers.
    pub async fn stop(mut self) -> (Ledger, Option<Ledger>) {
        self.end.cancel();
        while self.tasks.join_next().await.is_some() {}
        (self.users.total(), self.testers.as_ref().map(Load::total))
    }
}

/// Sets the image of a rollout's first container, as `kubectl patch --type json` does.
async fn set_image(client: &kube::Client, rollout: &str, image: &str) -> Result<()> {
    let api: Api<api::rollout::Rollout> = Api::namespaced(client.clone(), NAMESPACE);
    let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch)?);
    api.patch(rollout, &PatchParams::default(), &patch)
        .await
        .with_context(|| format!("could not set the image of rollout {rollout}"))?;
    Ok(())
}
