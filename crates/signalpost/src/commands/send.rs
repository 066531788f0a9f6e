//! `send`: events from files or standard input, over the stream; says at the end what became of each.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use signalpost_proto::v1::problem::Kind;
use signalpost_proto::v1::{Event, Problem, Receipt, event::Form};
use tokio::fs::File;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};

use crate::cli::{Send, given};
use crate::client::{Message, Sender};
use crate::exit::{Failure, Status};
use crate::json;
use crate::output;

/// How many refused or unmapped events are shown one by one.
const SHOWN: usize = 20;
/// A message of this many bytes is sent although it holds fewer events than asked for: ingest takes 4 MB at a time.
const MESSAGE_BYTES: usize = 1 << 20;

/// Where an event stood.
#[derive(Debug, Clone)]
struct Line {
    file: usize,
    number: u64,
}

pub(crate) async fn run(args: &Send, is_json: bool) -> anyhow::Result<()> {
    let mut lines = Lines::open(&args.files)?;
    let write_key = given(args.write_key.as_deref(), args.write_key_file.as_deref())?;
    let write_key = write_key.context("the write key is empty").map_err(Failure::usage)?;
    let mut sender =
        Sender::new(&args.to, &args.tls.files(), &write_key, args.window as usize, args.patience)?;
    let progress = progress();
    let began = Instant::now();
    let mut report = Report::default();
    let sent = sender
        .send_all(
            async || lines.next_message(args.batch as usize).await,
            |message: Message<Vec<Line>>, receipt| {
                progress.inc(message.events.len() as u64);
                report.add(&message.tag, receipt);
            },
            |text| progress.suspend(|| eprintln!("{text}")),
        )
        .await;
    progress.finish_and_clear();
    if is_json {
        output::document(&report.as_json(&lines.names, began.elapsed()));
    } else {
        report.show(&lines.names, began.elapsed());
    }
    sent?;
    if report.refused > 0 {
        return Err(Failure::shown(Status::Input));
    }
    Ok(())
}

fn progress() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{spinner} {human_pos} events  {per_sec}  {elapsed}");
    let bar = ProgressBar::with_draw_target(None, target);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The lines of all files, one after the other.
struct Lines {
    names: Vec<String>,
    left: VecDeque<(usize, PathBuf)>,
    open: Option<Open>,
    /// Read and not yet part of a message: reading may be given up in the middle when an answer comes.
    gathered: Vec<Event>,
    tags: Vec<Line>,
    bytes: usize,
}

struct Open {
    reader: Box<dyn AsyncBufRead + std::marker::Send + Unpin>,
    file: usize,
    line: u64,
    text: Vec<u8>,
}

impl Lines {
    fn open(files: &[PathBuf]) -> anyhow::Result<Lines> {
        for file in files.iter().filter(|file| !is_standard_input(file)) {
            if !file.is_file() {
                return Err(Failure::usage(anyhow::anyhow!("{} is no file", file.display())));
            }
        }
        let names = files.iter().map(|file| {
            if is_standard_input(file) { "standard input".to_owned() } else { file.display().to_string() }
        });
        Ok(Lines {
            names: names.collect(),
            left: files.iter().cloned().enumerate().collect(),
            open: None,
            gathered: Vec::new(),
            tags: Vec::new(),
            bytes: 0,
        })
    }

    /// May be dropped at any await and called again: nothing that was read is lost.
    async fn next_message(&mut self, count: usize) -> anyhow::Result<Option<Message<Vec<Line>>>> {
        while self.gathered.len() < count && self.bytes < MESSAGE_BYTES {
            let Some(open) = &mut self.open else {
                let Some((file, path)) = self.left.front() else { break };
                self.open = Some(Open::open(*file, path).await?);
                self.left.pop_front();
                continue;
            };
            let name = &self.names[open.file];
            let is_end = !open.read_line().await.with_context(|| format!("reading {name}"))?;
            if is_end {
                self.open = None;
                continue;
            }
            open.line += 1;
            let text = std::mem::take(&mut open.text);
            let json = text.trim_ascii();
            if !json.is_empty() {
                self.bytes += json.len();
                self.tags.push(Line { file: open.file, number: open.line });
                self.gathered
                    .push(Event { form: Some(Form::Json(json.to_vec().into())), ..Event::default() });
            }
        }
        self.bytes = 0;
        let events = std::mem::take(&mut self.gathered);
        let tag = std::mem::take(&mut self.tags);
        Ok((!events.is_empty()).then_some(Message { events, tag }))
    }
}

impl Open {
    async fn open(file: usize, path: &Path) -> anyhow::Result<Open> {
        let reader: Box<dyn AsyncBufRead + std::marker::Send + Unpin> = if is_standard_input(path) {
            Box::new(BufReader::new(tokio::io::stdin()))
        } else {
            let file = File::open(path).await.with_context(|| format!("opening {}", path.display()))?;
            Box::new(BufReader::with_capacity(1 << 18, file))
        };
        Ok(Open { reader, file, line: 0, text: Vec::new() })
    }

    /// Completes the line that was begun. False at the end of the file.
    async fn read_line(&mut self) -> std::io::Result<bool> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(!self.text.is_empty());
            }
            if let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
                self.text.extend_from_slice(&chunk[..end]);
                self.reader.consume(end + 1);
                return Ok(true);
            }
            self.text.extend_from_slice(chunk);
            let length = chunk.len();
            self.reader.consume(length);
        }
    }
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// What became of all events.
#[derive(Debug, Default)]
struct Report {
    accepted: u64,
    refused: u64,
    unwanted: u64,
    queued: u64,
    unmapped: u64,
    shown: Vec<(Line, Problem)>,
}

impl Report {
    fn add(&mut self, lines: &[Line], receipt: Receipt) {
        self.accepted += u64::from(receipt.accepted);
        self.refused += u64::from(receipt.refused);
        self.unwanted += u64::from(receipt.unwanted);
        self.queued += u64::from(receipt.queued);
        self.unmapped += u64::from(receipt.unmapped);
        let room = SHOWN.saturating_sub(self.shown.len());
        let problems = receipt.problems.into_iter();
        let placed =
            problems.filter_map(|problem| Some((lines.get(problem.index as usize)?.clone(), problem)));
        self.shown.extend(placed.take(room));
    }

    /// With the first of the problems; `are_problems_complete` says whether these are all.
    fn as_json(&self, names: &[String], elapsed: Duration) -> Value {
        let problem = |(line, problem): &(Line, Problem)| {
            json!({
                "file": names[line.file],
                "line": line.number,
                "kind": if problem.kind() == Kind::Unmapped { "unmapped" } else { "refused" },
                "mapping": json::unless_empty(&problem.mapping),
                "path": json::unless_empty(&problem.path),
                "reason": problem.reason,
            })
        };
        json!({
            "accepted": self.accepted,
            "refused": self.refused,
            "unwanted": self.unwanted,
            "queued": self.queued,
            "unmapped": self.unmapped,
            "elapsed_seconds": elapsed.as_secs_f64(),
            "problems": self.shown.iter().map(problem).collect::<Vec<_>>(),
            "are_problems_complete": self.refused + self.unmapped <= self.shown.len() as u64,
        })
    }

    fn show(&self, names: &[String], elapsed: Duration) {
        for (line, problem) in &self.shown {
            eprintln!("{}:{}: {}", names[line.file], line.number, describe(problem));
        }
        let told = self.refused + self.unmapped;
        if told > self.shown.len() as u64 {
            eprintln!("… and {} more", told - self.shown.len() as u64);
        }
        let sent = self.accepted + self.refused;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for people"
        )]
        let rate = (sent as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
        output::line(format_args!(
            "{} accepted, {} refused; {} wanted by no mapping, {} deliveries queued, {} could not be mapped; {rate} events/s",
            self.accepted, self.refused, self.unwanted, self.queued, self.unmapped,
        ));
    }
}

fn describe(problem: &Problem) -> String {
    let place = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    match problem.kind() {
        Kind::Unmapped => format!("mapping {} failed: {place}{}", problem.mapping, problem.reason),
        _ => format!("refused: {place}{}", problem.reason),
    }
}
