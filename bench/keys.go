package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// keySpec is how many keys there are and how often each occurs: the key of rank k
// as k to the power of -Exponent. So 0 is uniform, and 0.99 is the Zipf distribution of
// YCSB (Cooper et al., Benchmarking Cloud Serving Systems with YCSB, SoCC 2010).
type keySpec struct {
	Count    int
	Exponent float64
}

const zipf = 0.99

func (k keySpec) String() string {
	name := "uniform"
	if k.Exponent > 0 {
		name = "Zipf " + number(k.Exponent)
	}
	if k.Count == 1 {
		return "1 key"
	}
	return strconv.Itoa(k.Count) + " keys, " + name
}

// draw returns n ranks, from 0 up, the same ones every time.
func (k keySpec) draw(n int) []int {
	below := make([]float64, k.Count) // the sum of the weights up to each rank
	sum := 0.0
	for i := range below {
		sum += math.Pow(float64(i+1), -k.Exponent)
		below[i] = sum
	}
	rng := rand.New(rand.NewPCG(3, 4))
	ranks := make([]int, n)
	for i := range ranks {
		rank, _ := slices.BinarySearch(below, rng.Float64()*sum)
		ranks[i] = min(rank, k.Count-1)
	}
	return ranks
}

func keyName(rank int) string { return "key-" + strconv.Itoa(rank) }

// hottest returns how many of the ranks are the one that occurs most often.
func hottest(ranks []int) int {
	counts, most := make(map[int]int), 0
	for _, r := range ranks {
		counts[r]++
		most = max(most, counts[r])
	}
	return most
}

// busiest bounds how many records can be handled at the same time when those of a key
// are handled one after the other, for as long as records come in the proportions of
// ranks in each of the partitions: the hottest key of a partition can have one in flight,
// and every other no more than its share beside that. With keys that occur equally often
// it is the number of keys.
func busiest(ranks []int, partitions, inFlight int) float64 {
	return min(float64(partitions)*float64(len(ranks))/float64(hottest(ranks)), float64(inFlight))
}

// makespan is the least time in which ranks can be handled, one at a time of each and
// inFlight in all: the hottest in series, or all of them spread evenly.
func makespan(ranks []int, inFlight int, each time.Duration) time.Duration {
	return max(time.Duration(hottest(ranks))*each, time.Duration(len(ranks))*each/time.Duration(inFlight))
}

// cannedPartitions is over how many partitions so many keys are spread evenly.
func cannedPartitions(keys int) int {
	n := partitions
	for keys%n != 0 {
		n /= 2
	}
	return n
}
