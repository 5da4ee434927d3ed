// Bench measures the built sso-exec against the provider of providertest: the
// time of a whole process where the answer is cached, and the requests where it
// is not. It judges no time, since that is the machine's; hack/bench/run builds
// what it needs.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// report is what -json prints. Times are in nanoseconds.
type report struct {
	Go       string `json:"go"`
	Platform string `json:"platform"`
	CPUs     int    `json:"cpus"`
	Binary   int64  `json:"binaryBytes"` // stripped
	Warm     []warm `json:"warm"`
	Cold     []cold `json:"cold"`
	Storm    storm  `json:"storm"`
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == browse {
		exitOn(visit(os.Args[2], os.Args[3]))
		return
	}
	runs := flag.Int("n", 300, "timed runs of each program")
	processes := flag.Int("storm", 100, "processes of the storm")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: hack/bench/run [-n RUNS] [-storm PROCESSES] [-json]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *runs < 1 || *processes < 1 {
		flag.Usage()
		os.Exit(2)
	}
	r, err := measure(flag.Arg(0), *runs, *processes)
	exitOn(err)
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		exitOn(e.Encode(r))
		return
	}
	exitOn(r.print(os.Stdout))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(programs string, runs, processes int) (*report, error) {
	r := &report{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU()}
	st, err := os.Stat(filepath.Join(programs, "sso-exec"))
	if err != nil {
		return nil, err
	}
	r.Binary = st.Size()
	w, err := newWorld(programs)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if r.Cold, err = w.measureCold(); err != nil {
		return nil, fmt.Errorf("cold: %w", err)
	}
	if r.Warm, err = w.measureWarm(runs); err != nil {
		return nil, fmt.Errorf("warm: %w", err)
	}
	if r.Storm, err = w.measureStorm(processes); err != nil {
		return nil, fmt.Errorf("storm: %w", err)
	}
	return r, nil
}

// browse as its first argument turns this program into the person's browser: it
// opens the page, is signed in at once, and follows the redirect to sso-exec.
const browse = "browse"

func visit(caFile, url string) error {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := http.Client{Timeout: 30 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
