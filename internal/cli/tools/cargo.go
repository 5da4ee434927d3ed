package tools

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/plugin"
)

var cargo = &tool{
	name: settings.ToolCargo, short: "answer cargo as a credential provider",
	long: `Speak cargo's credential provider protocol on stdin and stdout, a line of JSON a
request: get answers with a token for a registry whose index is on a host that
the profile's hosts name. For others the answer is url-not-supported, so that
cargo asks its next provider. login and logout are not supported: see sso-exec
login. Without --profile, the profile is the one that names the host.

cargo hands on what follows sso-exec in its config by the request, after
--cargo-plugin.`,
	example: `  # in ~/.cargo/config.toml, as sso-exec setup cargo writes it
  [registries.corp]
  index = "sparse+https://cargo.example.com/index/"
  credential-provider = ["sso-exec", "cargo", "--profile=corp"]

  printf '%s\n' REQUEST | sso-exec cargo`,
	calledAs: "cargo-credential-sso-exec",
	by:       acquire.Caller{Name: "cargo", StdinTaken: func() bool { return true }},
	request:  cargoRequest,
}

// cargoLine is the line that is being answered; nil: cargo is not on the other side.
var cargoLine *cargoAsks

type cargoAsks struct {
	text  []byte
	err   error // of reading it
	wrong error // with its words
}

const cargoPlugin = "--cargo-plugin"

// Calls yields the command line of each call that this process is to answer: its own
// words, or for cargo those of each line of stdin.
func Calls(argv []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		args := Args(argv)
		if answersGCP = asksGCP(args); answersGCP {
			hushed()
		}
		words, ok := cargoWords(args)
		if !ok {
			yield(args)
			return
		}
		cargoLine = new(cargoAsks)
		if _, cargoLine.err = os.Stdout.Write(plugin.CargoHello()); cargoLine.err != nil {
			yield(words)
			return
		}
		in := bufio.NewReader(os.Stdin)
		input.read = true
		for cargoLine.err == nil {
			if cargoLine.text, cargoLine.err = readLine(in); errors.Is(cargoLine.err, io.EOF) {
				return
			}
			var more []string
			more, cargoLine.wrong = cargoArgs(cargoLine.text)
			if !yield(slices.Concat(words, more)) {
				return
			}
		}
	}
}

// cargoWords are the words of a command line by which cargo begins a conversation:
// those of sso-exec cargo, also without cargo, which then follows by the request.
func cargoWords(args []string) ([]string, bool) {
	if len(args) == 0 || args[0] != settings.ToolCargo && args[0] != cargoPlugin {
		return nil, false
	}
	own := slices.DeleteFunc(slices.Clone(args[1:]), func(w string) bool { return w == cargoPlugin })
	_, more, err := settings.ParseWords(settings.ToolCargo, own)
	return append([]string{settings.ToolCargo}, own...), err == nil && len(more) == 0
}

// cargoArgs are the words that stand behind the program in cargo's config.
func cargoArgs(line []byte) ([]string, error) {
	r, _ := plugin.ParseCargoRequest(line) // whose error is told when it is answered
	if len(r.Args) > 0 && r.Args[0] == settings.ToolCargo {
		r.Args = r.Args[1:]
	}
	if _, _, err := settings.ParseWords(settings.ToolCargo, r.Args); errors.Is(err, pflag.ErrHelp) {
		return nil, fault.Usagef("cargo's config asks for --help, which is not an answer to cargo")
	}
	return r.Args, nil
}

// readLine reads a line with its end, as far as it has one.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxRequest:
			return nil, fmt.Errorf("the request on stdin has more than %d bytes", maxRequest)
		case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

func cargoRequest(words []string) (*request, error) {
	switch {
	case len(words) > 0:
		return nil, fault.Usagef("%s takes no arguments, but got %q", settings.ToolCargo, words[0])
	case cargoLine == nil:
		return nil, fault.Usagef("cargo did not call this: see sso-exec cargo --help")
	case cargoLine.err != nil || cargoLine.wrong != nil:
		return nil, cmp.Or(cargoLine.err, cargoLine.wrong)
	}
	r, err := plugin.ParseCargoRequest(cargoLine.text)
	if err != nil {
		return nil, err
	}
	q := &request{none: plugin.EncodeCargoError(plugin.CargoURLNotSupported, ""), stale: r.Refused,
		encode: func(_ *settings.Resolved, c credential.Credential) ([]byte, error) {
			if c.TokenType != "Bearer" {
				return nil, fmt.Errorf("cargo cannot send a token of the type %q", c.TokenType)
			}
			return plugin.EncodeCargo(c)
		}}
	q.host, _ = hosts.OfURL(r.IndexURL)
	if !r.Get {
		q.only = plugin.EncodeCargoError(plugin.CargoOperationNotSupported, "")
	}
	return q, nil
}

// Failed answers a failure in the tool's own protocol, where it has one for all of
// them. It reports whether that was done.
func Failed(f *command.Failure) bool {
	if cargoLine == nil && !answersGCP || fault.Holds[fault.Coded](f.Err) {
		return false
	}
	talk.Stderr.End()
	o := f.Settings
	if o == nil {
		o = &settings.Resolved{}
	}
	if answersGCP {
		return failedGCP(o, f.Err) == nil
	}
	var causes []string
	for _, h := range o.WithSecret(command.Hints(o, f.Err)) {
		causes = append(causes, talk.Visible(strings.Map(talk.Unbroken, h))) // all of it: it may be there to be pasted
	}
	return write(plugin.EncodeCargoError(plugin.CargoOther, talk.OneLine(f.Err.Error()), causes...)) == nil
}
