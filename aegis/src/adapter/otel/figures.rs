//! Metrics in OTLP's form: sums since the start, gauges, histograms with bounds.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;

use crate::observe::{Amount, Figure, Snapshot};

/// When what is told began, and when it is told: nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) start: u64,
    pub(super) now: u64,
}

/// All metrics, as one request.
pub(super) fn request(
    snapshot: &Snapshot,
    times: Times,
    resource: &ResourceAttributesWithSchema,
) -> ExportMetricsServiceRequest {
    let mut metrics: Vec<Metric> = Vec::new();
    for figure in snapshot.figures() {
        match metrics.last_mut().filter(|last| last.name == figure.name) {
            // One name has one kind: what else has it is left out.
            Some(last) => add(last, figure, times),
            None => metrics.push(first(figure, times)),
        }
    }
    let scope = InstrumentationScope {
        name: "aegis".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: resource.attributes.0.clone(),
                ..Resource::default()
            }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

/// A metric with its first series.
fn first(figure: Figure<'_>, times: Times) -> Metric {
    let since_the_start = AggregationTemporality::Cumulative.into();
    let data = match figure.amount {
        Amount::Counter(_) => metric::Data::Sum(Sum {
            data_points: Vec::new(),
            aggregation_temporality: since_the_start,
            is_monotonic: true,
        }),
        Amount::Gauge(_) => metric::Data::Gauge(Gauge::default()),
        Amount::Histogram(_) => metric::Data::Histogram(Histogram {
            data_points: Vec::new(),
            aggregation_temporality: since_the_start,
        }),
    };
    let mut metric = Metric {
        name: figure.name.clone(),
        description: figure.help.to_owned(),
        unit: figure.unit.to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    };
    add(&mut metric, figure, times);
    metric
}

fn add(metric: &mut Metric, figure: Figure<'_>, times: Times) {
    let attributes = figure.labels.into_iter();
    let attributes = attributes.map(|(key, value)| attribute(key, value));
    let attributes = attributes.collect();
    let number = |value| NumberDataPoint {
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        value: Some(value),
        ..NumberDataPoint::default()
    };
    match (&mut metric.data, figure.amount) {
        (Some(metric::Data::Sum(sum)), Amount::Counter(count)) => {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            sum.data_points.push(NumberDataPoint {
                attributes,
                ..number(number_data_point::Value::AsInt(count))
            });
        }
        (Some(metric::Data::Gauge(gauge)), Amount::Gauge(value)) => {
            gauge.data_points.push(NumberDataPoint {
                attributes,
                ..number(number_data_point::Value::AsDouble(value))
            });
        }
        (Some(metric::Data::Histogram(histogram)), Amount::Histogram(spread)) => {
            let is_empty = spread.counts.iter().all(|count| *count == 0);
            histogram.data_points.push(HistogramDataPoint {
                attributes,
                start_time_unix_nano: times.start,
                time_unix_nano: times.now,
                count: spread.counts.iter().sum(),
                sum: Some(spread.sum),
                bucket_counts: spread.counts,
                explicit_bounds: spread.bounds.to_vec(),
                min: (!is_empty).then_some(spread.least),
                max: (!is_empty).then_some(spread.most),
                ..HistogramDataPoint::default()
            });
        }
        _ => {}
    }
}

fn attribute(key: String, value: &str) -> KeyValue {
    KeyValue {
        key,
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}
