//! Traces: spans sampled and sent to a collector over OTLP, when `[traces]` names one.
//!
//! Invariants: off, nothing is set up; a collector that is away costs its spans and nothing else, and is said once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Sampler, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample, SpanData, SpanExporter,
};
use tracing::{info, warn};

use crate::config::Traces;

/// How long sending what is left may take at the end.
const FLUSH: Duration = Duration::from_secs(3);

/// Traces that are sent until the end.
pub(crate) struct Sending(Option<SdkTracerProvider>);

impl Sending {
    /// Sends what is left.
    pub(crate) async fn end(self) {
        let Some(provider) = self.0 else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH)).await;
        if !matches!(ended, Ok(Ok(()))) {
            warn!("the last spans were not sent");
        }
    }
}

/// Begins to send spans, if a collector is named. Needs a running tokio runtime.
pub(crate) fn start(settings: &Traces) -> anyhow::Result<Sending> {
    let Some(endpoint) = &settings.endpoint else { return Ok(Sending(None)) };
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(settings.timeout);
    if endpoint.starts_with("https:") {
        exporter = exporter.with_tls_config(ClientTlsConfig::new().with_native_roots());
    }
    let exporter = exporter.build().context("traces.endpoint")?;
    let resource = Resource::builder_empty()
        .with_service_name(settings.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(Telling { exporter, is_failing: AtomicBool::new(false) })
        .with_sampler(Sampling(Sampler::TraceIdRatioBased(settings.sample_ratio)))
        .with_resource(resource)
        .build();
    global::set_tracer_provider(provider.clone());
    info!(endpoint, sample_ratio = settings.sample_ratio, "sending traces");
    Ok(Sending(Some(provider)))
}

/// What the caller of a span decided; linked to a sampled one: yes; else by chance.
#[derive(Debug, Clone)]
struct Sampling(Sampler);

impl ShouldSample for Sampling {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let parent_context =
            parent.map(|parent| parent.span().span_context().clone()).filter(SpanContext::is_valid);
        let is_sampled = match &parent_context {
            Some(parent) => parent.is_sampled(),
            None if links.iter().any(|link| link.span_context.is_sampled()) => true,
            None => return self.0.should_sample(parent, trace_id, name, kind, attributes, links),
        };
        SamplingResult {
            decision: if is_sampled { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop },
            attributes: Vec::new(),
            trace_state: parent_context.map(|parent| parent.trace_state().clone()).unwrap_or_default(),
        }
    }
}

/// Says when sending begins and ceases to fail.
#[derive(Debug)]
struct Telling {
    exporter: opentelemetry_otlp::SpanExporter,
    is_failing: AtomicBool,
}

impl SpanExporter for Telling {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.exporter.export(batch).await;
        let was_failing = self.is_failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Err(error) if !was_failing => {
                warn!(%error, spans, "traces can't be sent: spans are dropped until they can");
            }
            Ok(()) if was_failing => info!("traces are sent again"),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
