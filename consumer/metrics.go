package consumer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/weir-kafka/weir/flow"
)

// metrics is what each step of the journey counts. Nothing here is touched once
// a record: counters that move with every record are read from totals when the
// registry is scraped. Labels are bounded: sinks, verdicts, states and assigned
// partitions, never a key or an error.
type metrics struct {
	retries    *prometheus.CounterVec
	writes     *prometheus.CounterVec
	writeTime  *prometheus.HistogramVec
	writeSize  *prometheus.HistogramVec
	handleTime prometheus.Histogram
	handleErrs *prometheus.CounterVec
	deads      *prometheus.CounterVec
	commits    *prometheus.CounterVec
	commitTime prometheus.Histogram
	drains     prometheus.Histogram
	pauses     prometheus.Counter
	resets     prometheus.Counter
	states     *prometheus.CounterVec
	deaf       *prometheus.CounterVec
	decided    *prometheus.CounterVec
}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	seconds := prometheus.ExponentialBuckets(0.0005, 2.5, 14)
	return &metrics{
		retries:   counter("weir_write_retries_total", "Parts of batches that a sink did not take and that are written again.", "sink"),
		writes:    counter("weir_write_calls_total", "Writes to a sink by verdict: done, retry, overload (it had no room, or did not answer in time), reject, ignore.", "sink", "verdict"),
		writeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weir_write_duration_seconds", Help: "Time of one write.", Buckets: seconds}, []string{"sink"}),
		writeSize: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weir_write_batch_messages", Help: "Messages in one write.", Buckets: prometheus.ExponentialBuckets(1, 4, 9),
		}, []string{"sink"}),
		handleTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_handler_batch_duration_seconds", Help: "Time of the handler calls of one batch.", Buckets: seconds}),
		handleErrs: counter("weir_handler_errors_total", "Handler calls that failed, by verdict.", "verdict"),
		deads:      counter("weir_deadletter_records_total", "Records given to the dead letters, by verdict of the last error.", "verdict"),
		commits:    counter("weir_commit_requests_total", "Commits sent, by outcome.", "outcome"),
		commitTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_commit_duration_seconds", Help: "Time of one commit.", Buckets: seconds}),
		drains:     prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_partition_drain_duration_seconds", Help: "Time to finish what revoked partitions had started, and to commit it.", Buckets: seconds}),
		pauses:     prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_partition_pauses_total", Help: "Times that fetching of a partition was paused."}),
		resets:     prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_partition_resets_total", Help: "Times that a partition's log was found rewritten or cut."}),
		deaf:       counter("weir_limit_deaf_calls_total", "Calls that went on long after their time was up, by where: handler, or sink and its name.", "step"),
		decided:    counter("weir_limit_decisions_total", "Decisions of the limiter of a sink, by reason.", "sink", "reason"),
		states:     counter("weir_poll_state_changes_total", "Changes of the pressure state, by the state entered.", "state"),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.retries, m.writes, m.writeTime, m.writeSize, m.handleTime, m.handleErrs, m.deads,
		m.commits, m.commitTime, m.drains, m.pauses, m.resets, m.states, m.deaf, m.decided}
}

func (m *metrics) wrote(sink string, v flow.Verdict, messages int, took time.Duration) {
	m.writes.WithLabelValues(sink, v.String()).Inc()
	m.writeTime.WithLabelValues(sink).Observe(took.Seconds())
	m.writeSize.WithLabelValues(sink).Observe(float64(messages))
}

func (m *metrics) retried(sink string) { m.retries.WithLabelValues(sink).Inc() }

func (m *metrics) handled(_ int, took time.Duration) { m.handleTime.Observe(took.Seconds()) }

func (m *metrics) handlerFailed(v flow.Verdict) { m.handleErrs.WithLabelValues(v.String()).Inc() }

func (m *metrics) dead(v flow.Verdict) { m.deads.WithLabelValues(v.String()).Inc() }

func (m *metrics) committed(err error, took time.Duration) {
	outcome := "done"
	if err != nil {
		outcome = "refused"
	}
	m.commits.WithLabelValues(outcome).Inc()
	m.commitTime.Observe(took.Seconds())
}
