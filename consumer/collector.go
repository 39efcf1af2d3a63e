package consumer

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// collector reads what is counted once a record, and the state of partitions and
// sinks, at the moment of a scrape. A partition that is given back is not
// reported any more, so its lag does not lie on.
type collector struct {
	c     *Consumer
	descs []collected
}

type collected struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	emit func(r *Report, put func(v float64, labels ...string))
}

func newCollector(c *Consumer) *collector {
	k := &collector{c: c}
	total := func(name, help string, read func(*Totals) int64) {
		k.add(name, help, prometheus.CounterValue, nil, func(r *Report, put func(float64, ...string)) { put(float64(read(&r.Totals))) })
	}
	total("weir_poll_records_total", "Records taken from the client.", func(t *Totals) int64 { return t.Polled })
	total("weir_offset_done_records_total", "Records with an outcome that may be committed.", func(t *Totals) int64 { return t.Done })
	total("weir_offset_skipped_records_total", "Records not processed again because a completion map said that they were done.", func(t *Totals) int64 { return t.Skipped })
	total("weir_poll_dropped_records_total", "Records fetched for a partition that was not ours any more, or fetched twice.", func(t *Totals) int64 { return t.Dropped })
	total("weir_write_messages_total", "Messages that sinks acknowledged.", func(t *Totals) int64 { return t.Written })
	gauge := func(name, help string, read func(*Report) float64) {
		k.add(name, help, prometheus.GaugeValue, nil, func(r *Report, put func(float64, ...string)) { put(read(r)) })
	}
	gauge("weir_poll_held_bytes", "Bytes taken from Kafka and not finished.", func(r *Report) float64 { return float64(r.HeldBytes) })
	gauge("weir_poll_budget_bytes", "Budget for held bytes.", func(r *Report) float64 { return float64(r.BudgetBytes) })
	gauge("weir_poll_held_records", "Records taken from Kafka and not finished.", func(r *Report) float64 { return float64(r.HeldRecords) })
	gauge("weir_offset_duplicates_if_killed_records", "Bound of the records delivered again if the process were killed now.", func(r *Report) float64 { return float64(r.DuplicatesIfKilled) })
	k.add("weir_poll_state", "1 for the pressure state that is in force.", prometheus.GaugeValue, []string{"state"}, states)
	k.add("weir_poll_state_seconds_total", "Time in each pressure state.", prometheus.CounterValue, []string{"state"}, func(r *Report, put func(float64, ...string)) {
		for _, s := range []State{StateOpen, StateHold, StatePaused} {
			put(r.TimeIn[s].Seconds(), string(s))
		}
	})
	k.sinks()
	k.writes()
	k.partitions()
	return k
}

func states(r *Report, put func(float64, ...string)) {
	for _, s := range []State{StateOpen, StateHold, StatePaused} {
		v := 0.0
		if r.State == s {
			v = 1
		}
		put(v, string(s))
	}
}

func (k *collector) sinks() {
	sink := func(name, help string, read func(*SinkReport) float64) {
		k.add(name, help, prometheus.GaugeValue, []string{"sink"}, func(r *Report, put func(float64, ...string)) {
			for i := range r.Sinks {
				put(read(&r.Sinks[i]), r.Sinks[i].Name)
			}
		})
	}
	sink("weir_write_queued_messages", "Messages that a sink has not acknowledged, in flight or waiting for a retry included.", func(s *SinkReport) float64 { return float64(s.QueuedMessages) })
	sink("weir_write_wait_seconds", "How long what waits for a sink would last at its pace.", func(s *SinkReport) float64 { return s.Wait.Seconds() })
	sink("weir_write_wait_high_seconds", "The wait above which fetching stops.", func(s *SinkReport) float64 { return s.High.Seconds() })
	sink("weir_write_deadline_seconds", "What a write of the usual size is given.", func(s *SinkReport) float64 { return s.Deadline.Seconds() })
	sink("weir_write_retry_budget_retries", "What is left of a sink's retry budget; at a half it is empty, and retries wait.", func(s *SinkReport) float64 { return s.RetryBudget })
	sink("weir_limit_deaf_calls", "Writes in flight that go on although their time is up.", func(s *SinkReport) float64 { return float64(s.Deaf) })
	sink("weir_limit_calls", "Writes that may be in flight to a sink.", func(s *SinkReport) float64 { return float64(s.Limit) })
	sink("weir_limit_elasticity_ratio", "Share of a further call to a sink that is further work, as the limiter measures it: 1 unsaturated, 0 only queueing.", func(s *SinkReport) float64 { return s.Elasticity })
	sink("weir_limit_base_latency_seconds", "Time of a write to a sink that does not queue, as the limiter last measured it.", func(s *SinkReport) float64 { return s.Base.Seconds() })
	sink("weir_write_latency_median_seconds", "Median time of the last 512 writes to a sink.", func(s *SinkReport) float64 { return s.P50.Seconds() })
	sink("weir_write_latency_p99_seconds", "99th percentile of the time of the last 512 writes to a sink.", func(s *SinkReport) float64 { return s.P99.Seconds() })
	sink("weir_limit_in_flight_calls", "Writes in flight to a sink.", func(s *SinkReport) float64 { return float64(s.InFlight) })
	sink("weir_write_queued_batches", "Batches and parts of batches that wait for room at a sink.", func(s *SinkReport) float64 { return float64(s.Queued) })
}

// writes are what has a label more than the sink.
func (k *collector) writes() {
	k.add("weir_limit_reason", "1 for why the limit of a sink is what it is.", prometheus.GaugeValue, []string{"sink", "reason"}, func(r *Report, put func(float64, ...string)) {
		for i := range r.Sinks {
			put(1, r.Sinks[i].Name, r.Sinks[i].Reason)
		}
	})
	k.add("weir_limit_shadow_calls", "Where an adaptive limiter would go next from the fixed limit of a sink, with limit.shadow.", prometheus.GaugeValue, []string{"sink"}, func(r *Report, put func(float64, ...string)) {
		for i := range r.Sinks {
			if s := &r.Sinks[i]; s.Shadow > 0 {
				put(float64(s.Shadow), s.Name)
			}
		}
	})
}

func (k *collector) partitions() {
	part := func(name, help string, read func(*PartitionReport) float64) {
		k.add(name, help, prometheus.GaugeValue, []string{"topic", "partition"}, func(r *Report, put func(float64, ...string)) {
			for i := range r.Partitions {
				p := &r.Partitions[i]
				v := read(p)
				if v < 0 { // unknown is not a number
					continue
				}
				put(v, p.Topic, strconv.Itoa(int(p.Partition)))
			}
		})
	}
	part("weir_partition_lag_records", "End of the partition as last heard of, in a fetch or when asked for, less what is committed.", func(p *PartitionReport) float64 { return float64(p.Lag) })
	part("weir_partition_held_bytes", "Bytes of a partition taken and not finished.", func(p *PartitionReport) float64 { return float64(p.HeldBytes) })
	part("weir_partition_oldest_age_seconds", "Age in the process of the oldest record that is not done.", func(p *PartitionReport) float64 { return p.OldestAge.Seconds() })
	part("weir_lane_busy_lanes", "Lanes of a partition with records in flight.", func(p *PartitionReport) float64 { return float64(p.LanesBusy) })
	part("weir_offset_beyond_records", "Records that are done beyond the first that is not.", func(p *PartitionReport) float64 { return float64(p.DoneBeyond) })
	part("weir_partition_paused", "1 while fetching of a partition is paused.", func(p *PartitionReport) float64 {
		if p.State == StatePaused {
			return 1
		}
		return 0
	})
}

func (k *collector) add(name, help string, kind prometheus.ValueType, labels []string, emit func(*Report, func(float64, ...string))) {
	k.descs = append(k.descs, collected{prometheus.NewDesc(name, help, labels, nil), kind, emit})
}

// Describe implements prometheus.Collector.
func (k *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range k.descs {
		ch <- d.desc
	}
}

// Collect implements prometheus.Collector.
func (k *collector) Collect(ch chan<- prometheus.Metric) {
	r := k.c.Explain()
	for _, d := range k.descs {
		d.emit(&r, func(v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d.desc, d.kind, v, labels...)
		})
	}
}

// MetricsReference writes the list of metrics as a Markdown table, from the same
// descriptions that a scrape shows.
func MetricsReference(w io.Writer) error {
	ch := make(chan *prometheus.Desc, 128)
	for _, k := range newMetrics().collectors() {
		k.Describe(ch)
	}
	newCollector(nil).Describe(ch)
	close(ch)
	var rows []string
	for d := range ch {
		rows = append(rows, descRow(d.String()))
	}
	slices.Sort(rows)
	_, err := fmt.Fprintf(w, "| metric | labels | meaning |\n|---|---|---|\n%s\n", strings.Join(rows, "\n"))
	return err
}

// descRow reads a description's text, the only public form of one.
func descRow(s string) string {
	between := func(from, to string) string {
		_, s, _ := strings.Cut(s, from)
		s, _, _ = strings.Cut(s, to)
		return s
	}
	return fmt.Sprintf("| `%s` | %s | %s |", between(`fqName: "`, `"`), strings.ReplaceAll(between("variableLabels: {", "}"), ",", ", "), between(`help: "`, `"`))
}
