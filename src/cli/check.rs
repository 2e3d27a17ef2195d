//! `hook check`: audits a receiver.

use super::http::HttpArgs;
use super::report::{ReportArgs, exit_with_reports};
use super::{input, runtime};
use crate::app::check::{AuditReport, CASES, CaseInfo, Cause, CheckOptions, check, check_globs, is_local, is_wanted};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::mask;
use crate::shutdown::Shutdown;
use crate::target::parse_url;
use crate::view::audit::{AuditPage, CaseList};
use crate::view::fixes::{FRAMEWORKS, fix};

/// Audit a receiver: what it must accept, what it must refuse, and the likely cause of what it does wrong
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The receiver: a URL, `localhost:3000/path`, `:3000` or a port
    #[arg(value_name = "URL", required_unless_present = "list")]
    url: Option<String>,
    /// The provider to play: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
    provider: Option<String>,
    /// The receiver's secret: `env:VAR`, `file:PATH`, `endpoint:NAME`, `literal:TEXT` or `-`; a second one is the next of a rotation
    #[arg(short, long, value_name = "[NAME=]REF", add = super::complete::secrets())]
    secret: Vec<String>,
    /// Start the receiver with this command, with `PORT` and `WEBHOOK_SECRET`; without `--secret` a new secret is made
    #[arg(long, value_name = "COMMAND")]
    app: Option<String>,
    /// A command or URL that gives the number of effects so far, so that duplicates are judged
    #[arg(long, value_name = "COMMAND|URL")]
    effects: Option<String>,
    /// Events to send: names or globs, separated by `,`; default: all of the catalogue
    #[arg(long, value_name = "LIST", value_delimiter = ',', add = super::complete::events())]
    events: Vec<String>,
    /// Run only these cases: names, groups or globs, separated by `,`
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    only: Vec<String>,
    /// Do not run these cases
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    skip: Vec<String>,
    /// Show how to fix each cause in this framework
    #[arg(long, value_name = "NAME", value_parser = FRAMEWORKS)]
    framework: Option<String>,
    /// List the cases that `--only` and `--skip` select, and exit
    #[arg(long)]
    list: bool,
    /// Parameter of the provider's envelope: `NAME=VALUE` (can be repeated)
    #[arg(long = "param", value_name = "PAIR", value_parser = input::pair)]
    params: Vec<(String, String)>,
    /// Audit a receiver that is not on this machine
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    http: HttpArgs,
}

pub(super) fn run(session: &Session, args: &CheckArgs) -> Result<Exit> {
    let Some(url) = args.url.as_ref().filter(|_| !args.list) else {
        check_globs(&args.only, &args.skip)?;
        let is_wanted = |info: &&CaseInfo| is_wanted(info.case, &args.only, &args.skip);
        let cases = CASES.iter().filter(is_wanted).copied().collect();
        session.ui.show(&CaseList { cases })?;
        return Ok(Exit::Ok);
    };
    args.report.check()?;
    let url = parse_url(url)?;
    if !is_local(&url) && !args.yes {
        let what = format!(
            "`{}` is not on this machine, and an audit sends hundreds of requests",
            mask::url(url.as_str())
        );
        return Err(Error::usage(what).hint("add `--yes` if you mean it"));
    }
    input::one_stdin("", &args.secret)?;
    let runtime = runtime()?;
    let shutdown = runtime.block_on(async { Shutdown::install() })?;
    let options = CheckOptions {
        url,
        provider: args.provider.clone(),
        secrets: args.secret.clone(),
        app: args.app.clone(),
        effects: args.effects.clone(),
        events: args.events.clone(),
        only: args.only.clone(),
        skip: args.skip.clone(),
        params: args.params.clone(),
        request: args.http.options()?,
        cancel: shutdown.soft.clone(),
    };
    let report = runtime.block_on(check(&session.context, &options))?;
    let fixes = args
        .framework
        .as_deref()
        .map_or_else(Vec::new, |framework| fixes(&report, framework));
    session.ui.show_now(&AuditPage {
        report: &report,
        fixes: &fixes,
    })?;
    let is_written = args.report.write(&session.ui, &report.case_report());
    let has_cause = !report.causes.is_empty()
        || report
            .unjudged
            .as_ref()
            .is_some_and(|unjudged| unjudged.cause.is_some());
    if args.framework.is_none() && has_cause {
        session.ui.hint("`--framework NAME` shows the code that fixes a cause");
    }
    Ok(exit_with_reports(report.exit(), is_written))
}

fn fixes(report: &AuditReport, framework: &str) -> Vec<(Cause, Vec<String>)> {
    let unjudged = report.unjudged.iter().filter_map(|unjudged| unjudged.cause);
    let causes = report.causes.iter().map(|found| found.cause).chain(unjudged);
    causes.map(|cause| (cause, fix(cause.name(), framework))).collect()
}
