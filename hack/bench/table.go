package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// print writes the report for people.
func (r *report) print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s, %s, %d CPUs; sso-exec is %.2f MB, stripped\n\n", r.Go, r.Platform, r.CPUs, float64(r.Binary)/1e6)

	fmt.Fprintf(t, "WHOLE PROCESS, CACHED\tMEDIAN\tP95\tCPU\tFAULTS\tMEMORY\tTO EMPTY\tTO ENDED\n")
	for _, w := range r.Warm {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%.1f MiB\t%.2f\t%.2f\n", w.Name, ms(w.Median), ms(w.P95), ms(w.CPU), w.Faults,
			float64(w.Memory)/(1<<20), w.Ratio, w.Ended)
	}
	for _, w := range r.Warm {
		if w.Name == kubeName {
			verdict := "missed"
			if w.Ratio <= emptyBar || w.Ended <= endedBar {
				verdict = "met"
			}
			fmt.Fprintf(t, "the bar for %s, %.1f times an empty program or %.1f times one ended at once, is %s here\n",
				w.Name, emptyBar, endedBar, verdict)
		}
	}

	fmt.Fprintf(t, "\nNOT CACHED\tREQUESTS\tSTS\tWALL\n")
	for _, c := range r.Cold {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", c.Name, kinds(c.Requests), c.STS, ms(c.Wall))
	}

	s := r.Storm
	fmt.Fprintf(t, "\nSTORM\tGOOD ANSWERS\tTOKEN REQUESTS\tALL REQUESTS\tREUSES\tWALL\n")
	fmt.Fprintf(t, "%d processes, one expired token, strict rotation\t%d\t%d\t%d\t%d\t%s\n",
		s.Processes, s.GoodAnswers, s.TokenRequests, s.Requests, s.Reuses, ms(s.Wall))
	return t.Flush()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

// kinds lists requests by kind: "1 Discovery, 1 RefreshToken".
func kinds(counts map[string]int) string {
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[kind], kind))
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, ", ")
}
