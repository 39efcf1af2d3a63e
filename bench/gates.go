package main

// chapters are the parts of the report, each with its workloads and the bounds of its rows.
func chapters() []chapter {
	return []chapter{
		w1Chapter(), w2Chapter(), w3Chapter(), w5Chapter(), w6Chapter(), w6mChapter(), w7Chapter(), w8Chapter(), realChapter(),
	}
}

// chapter is a kind of work.
type chapter struct {
	title     string
	workloads []workload
	gates     []gate
}

// workloads are all there is, in the order of the report.
func workloads() []workload {
	var all []workload
	for _, c := range chapters() {
		all = append(all, c.workloads...)
	}
	return all
}

// gates are the bounds of the rows.
func gates() []gate {
	var all []gate
	for _, c := range chapters() {
		all = append(all, c.gates...)
	}
	return all
}
