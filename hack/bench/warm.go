package main

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // as the AWS CLI
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"time"
)

// warm is what one program's whole process costs.
type warm struct {
	Name   string        `json:"name"`
	Median time.Duration `json:"median"`
	P95    time.Duration `json:"p95"`
	CPU    time.Duration `json:"cpu"`    // median of user and system time together
	Faults int64         `json:"faults"` // median of page faults
	Memory int64         `json:"memory"` // the most that was resident, in bytes; of one run
	Ratio  float64       `json:"ratio"`  // of the wall times to the empty program's, in pairs
	Ended  float64       `json:"ended"`  // to this program's own, ended at once
}

// The yardsticks and the bars: the call that matters most, and how much more than one
// of the yardsticks it may take.
const (
	emptyName = "empty Go program"
	endedName = "sso-exec, ended at once"
	kubeName  = "sso-exec kube, flags only"
	emptyBar  = 1.3
	endedBar  = 1.1
)

// program is one of those that are timed.
type program struct {
	name      string
	argv      []string
	env       []string
	stdin     string // a file; empty: nothing
	dir       string
	wall, cpu []time.Duration
	faults    []int64
	memory    int64
}

// measureWarm times the programs in turns, each round in another order, so that
// whatever else the machine does hits all of them alike.
func (w *world) measureWarm(runs int) ([]warm, error) {
	programs, err := w.warmPrograms()
	if err != nil {
		return nil, err
	}
	w.idp.ResetRequests()
	w.sts.ResetRequests()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // our own collector is not what we measure
	time.Sleep(200 * time.Millisecond)               // what changed just now is not remembered
	warmUp := 3 + runs/10
	for round := range warmUp + runs {
		for _, i := range rand.Perm(len(programs)) {
			if err := programs[i].run(null, round >= warmUp); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range programs {
		if err := w.measureMemory(p); err != nil {
			return nil, err
		}
	}
	if n, m := w.idp.Requests().All, w.sts.Requests(); n+m != 0 {
		return nil, fmt.Errorf("cached answers made %d requests to the provider and %d to the STS", n, m)
	}
	return summarize(programs), nil
}

// warmPrograms signs in, fills the cache, and sees that each program answers.
func (w *world) warmPrograms() ([]*program, error) {
	if err := w.forget(); err != nil {
		return nil, err
	}
	if err := w.signIn(); err != nil {
		return nil, err
	}
	if _, err := w.sso("aws"); err != nil {
		return nil, err
	}
	tokens, err := filepath.Glob(w.cache("tokens", "*", "*.json"))
	if err != nil {
		return nil, err
	}
	if len(tokens) != 1 {
		return nil, fmt.Errorf("one token file expected, found %q", tokens)
	}
	crowd, err := w.crowd(10_000)
	if err != nil {
		return nil, err
	}
	bin := func(name string, args ...string) []string {
		return append([]string{filepath.Join(w.programs, name)}, args...)
	}
	gke, err := w.cloud("gke", []string{"entra", "google-sts"}, "--client-id=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
		"--workforce-provider=corp-pool/corp")
	if err != nil {
		return nil, err
	}
	aks, err := w.cloud("aks", []string{"aks"})
	if err != nil {
		return nil, err
	}
	programs := []*program{
		{name: emptyName, argv: bin("empty"), env: w.env()},
		{name: endedName, argv: bin("ended"), env: w.env()},
		{name: "floor: net/http linked, one JSON file read", argv: bin("floor", tokens[0]), env: w.env()},
		{name: kubeName, argv: bin("sso-exec", w.args("kube")...), env: w.env()},
		{name: "sso-exec kube, 10,000 sessions kept", argv: bin("sso-exec", w.args("kube", crowd)...), env: w.env()},
		{name: "sso-exec kube, profile of a config file", argv: bin("sso-exec", "kube", "--profile=corp"),
			env: w.env("XDG_CONFIG_HOME=" + filepath.Join(w.dir, "config"))},
		{name: "sso-exec aws, flags only", argv: bin("sso-exec", w.args("aws")...), env: w.env()},
		{name: "sso-exec eks, flags only", argv: bin("sso-exec", w.args("eks", "--cluster=prod")...), env: w.env()}, gke, aks,
		{name: "sso-exec token, flags only", argv: bin("sso-exec", w.args("token")...), env: w.env()},
		{name: "sso-exec kube, not remembered (a relative path)", argv: bin("sso-exec", "kube", "--profile=corp",
			"--config=config.yaml"), env: w.env(), dir: filepath.Join(w.dir, "config", "sso-exec")},
		{name: "sso-exec git get, profile by host", argv: bin("sso-exec", "git", "get"),
			env: w.env("XDG_CONFIG_HOME=" + filepath.Join(w.dir, "config")), stdin: filepath.Join(w.dir, "git")},
		{name: "sso-exec docker get, profile by host", argv: bin("sso-exec", "docker", "get"),
			env: w.env("XDG_CONFIG_HOME=" + filepath.Join(w.dir, "config")), stdin: filepath.Join(w.dir, "docker")},
		{name: "sso-exec cargo, profile by host", argv: bin("sso-exec", "cargo", "--cargo-plugin"),
			env: w.env("XDG_CONFIG_HOME=" + filepath.Join(w.dir, "config")), stdin: filepath.Join(w.dir, "cargo")},
		{name: "sso-exec terraform get, profile by host", argv: bin("sso-exec", "terraform", "get", "git.example.com"),
			env: w.env("XDG_CONFIG_HOME=" + filepath.Join(w.dir, "config"))},
		{name: "sso-exec bazel get, profile by host", argv: bin("sso-exec", "bazel", "get"),
			env: w.env("XDG_CONFIG_HOME=" + filepath.Join(w.dir, "config")), stdin: filepath.Join(w.dir, "bazel")},
		{name: "sso-exec keyring get, profile by host", argv: bin("sso-exec", "keyring", "get", "git.example.com", "oauth2"),
			env: w.env("XDG_CONFIG_HOME=" + filepath.Join(w.dir, "config"))},
		{name: "sso-exec token -o headers", argv: bin("sso-exec", w.args("token", "-o", "headers",
			"--host=git.example.com", "--for=https://git.example.com/mcp")...), env: w.env()},
	}
	for _, other := range []struct {
		variable string
		prepare  func(path string) (*program, error)
	}{{"KUBELOGIN", w.kubelogin}, {"AWS", w.awsCLI}} {
		if path := os.Getenv(other.variable); path != "" {
			p, err := other.prepare(path)
			if err != nil {
				return nil, err
			}
			programs = append(programs, p)
		}
	}
	for _, p := range programs[2:] { // the yardsticks say nothing
		cmd := exec.Command(p.argv[0], p.argv[1:]...)
		cmd.Env, cmd.Dir = p.env, p.dir
		if p.stdin != "" {
			in, err := os.Open(p.stdin)
			if err != nil {
				return nil, err
			}
			defer in.Close()
			cmd.Stdin = in
		}
		out, err := cmd.Output()
		if err != nil {
			var said *exec.ExitError
			if errors.As(err, &said) {
				err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(said.Stderr))
			}
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("%s: no answer", p.name)
		}
	}
	return programs, nil
}

// run times one process, from before it is started until it has been waited for.
func (p *program) run(null *os.File, counts bool) error {
	in := null
	if p.stdin != "" {
		var err error
		if in, err = os.Open(p.stdin); err != nil {
			return err
		}
		defer in.Close()
	}
	attr := &os.ProcAttr{Dir: p.dir, Env: p.env, Files: []*os.File{in, null, null}}
	start := time.Now()
	process, err := os.StartProcess(p.argv[0], p.argv, attr)
	if err != nil {
		return err
	}
	state, err := process.Wait()
	wall := time.Since(start)
	if err != nil {
		return err
	}
	if !state.Success() {
		return fmt.Errorf("%s: %v", p.name, state)
	}
	if counts {
		p.wall = append(p.wall, wall)
		p.cpu = append(p.cpu, state.UserTime()+state.SystemTime())
		p.faults = append(p.faults, pageFaults(state))
	}
	return nil
}

// measureMemory asks a small program how much another one needs.
func (w *world) measureMemory(p *program) error {
	cmd := exec.Command(filepath.Join(w.programs, "spawn"), p.argv...)
	cmd.Env, cmd.Dir = p.env, p.dir
	if p.stdin != "" {
		in, err := os.Open(p.stdin)
		if err != nil {
			return err
		}
		defer in.Close()
		cmd.Stdin = in
	}
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.memory, err = strconv.ParseInt(string(out), 10, 64)
	return err
}

func summarize(programs []*program) []warm {
	var all []warm
	for _, p := range programs {
		// Of each round, since the machine is not the same in all of them.
		to := func(yardstick *program) float64 {
			var ratios []float64
			for i, wall := range p.wall {
				ratios = append(ratios, float64(wall)/float64(yardstick.wall[i]))
			}
			return quantile(ratios, 0.5)
		}
		all = append(all, warm{Name: p.name, Median: quantile(p.wall, 0.5), P95: quantile(p.wall, 0.95),
			CPU: quantile(p.cpu, 0.5), Faults: quantile(p.faults, 0.5), Memory: p.memory,
			Ratio: to(programs[0]), Ended: to(programs[1])})
	}
	return all
}

// quantile is the smallest value that at least this part of them does not exceed.
func quantile[T cmp.Ordered](values []T, part float64) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Ceil(part*float64(len(sorted))))-1]
}

// kubelogin signs in with a kubelogin that is given by its path, and has it answer from
// its cache of files.
func (w *world) kubelogin(path string) (*program, error) {
	browser := filepath.Join(w.dir, "browser")
	script := fmt.Sprintf("#!/bin/sh\nexec %s \"$1\"\n", w.browser)
	if err := os.WriteFile(browser, []byte(script), 0o700); err != nil { //nolint:gosec // a program
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // for a free port, which kubelogin has to be told
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	l.Close()
	p := &program{name: "kubelogin get-token", env: w.env(), argv: []string{path, "get-token",
		"--oidc-issuer-url=" + w.idp.Issuer(), "--oidc-client-id=" + clientID, "--certificate-authority=" + w.ca,
		"--token-cache-dir=" + filepath.Join(w.dir, "kubelogin"), "--token-cache-storage=disk",
		"--listen-address=" + address, "--oidc-redirect-url=http://" + address, "--browser-command=" + browser}}
	return p, nil
}

// awsCLI has an AWS CLI of version 2, given by its path, hand out the same keys from where
// it keeps those that IAM Identity Center gave it.
func (w *world) awsCLI(path string) (*program, error) {
	out, err := w.sso("aws")
	if err != nil {
		return nil, err
	}
	var keys map[string]any
	if err := json.Unmarshal(out, &keys); err != nil {
		return nil, err
	}
	kept, err := json.Marshal(map[string]any{"ProviderType": "sso", "Credentials": keys})
	if err != nil {
		return nil, err
	}
	const start, account, role = "https://d-1234567890.awsapps.com/start", "123456789012", "dev"
	name := sha1.Sum(fmt.Appendf(nil, `{"accountId":%q,"roleName":%q,"startUrl":%q}`, //nolint:gosec // as above
		account, role, start))
	config, dir := filepath.Join(w.dir, "aws-config"), filepath.Join(w.dir, "home", ".aws", "cli", "cache")
	if err := firstError(func() error { return os.MkdirAll(dir, 0o700) }, func() error {
		return os.WriteFile(filepath.Join(dir, hex.EncodeToString(name[:])+".json"), kept, 0o600)
	}, func() error {
		return os.WriteFile(config, fmt.Appendf(nil, "[default]\nregion = us-east-1\nsso_start_url = %s\n"+
			"sso_region = us-east-1\nsso_account_id = %s\nsso_role_name = %s\n", start, account, role), 0o600)
	}); err != nil {
		return nil, err
	}
	return &program{name: "aws configure export-credentials", argv: []string{path, "configure", "export-credentials"},
		env: w.env("AWS_CONFIG_FILE=" + config)}, nil
}
