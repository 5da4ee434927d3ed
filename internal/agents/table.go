package agents

// row is what an agent sets, and where that is written down.
type row struct {
	Agent
	value  string // that it must have; empty: any
	source string
}

// The table. A variable that an editor sets in a person's own terminal too
// (CURSOR_TRACE_ID, TERM_PROGRAM) shows no agent, nor does one that configures an
// agent (AIDER_MODEL, OPENCODE_BIN_PATH).
var table = []row{
	{Agent{"claude-code", "CLAUDECODE"}, "", "github.com/anthropics/claude-code/issues/531"},
	{Agent{"cursor", "CURSOR_AGENT"}, "", "github.com/vercel-labs/skills/pull/1549"},
	{Agent{"cursor", "CURSOR_EXTENSION_HOST_ROLE"}, "agent-exec", "github.com/vercel/vercel/pull/15879"},
	{Agent{"codex", "CODEX_THREAD_ID"}, "", "github.com/openai/codex/pull/10096"},
	{Agent{"codex", "CODEX_CI"}, "", "github.com/openai/codex/pull/9366"},
	{Agent{"codex", "CODEX_SANDBOX"}, "", "github.com/openai/codex: codex-rs/core/src/spawn.rs"},
	{Agent{"codex", "CODEX_SANDBOX_NETWORK_DISABLED"}, "", "github.com/openai/codex/pull/879"},
	{Agent{"gemini-cli", "GEMINI_CLI"}, "", "github.com/google-gemini/gemini-cli: docs/tools/shell.md"},
	{Agent{"copilot-vscode", "COPILOT_AGENT"}, "", "github.com/microsoft/vscode/pull/316267"},
	{Agent{"copilot-cli", "COPILOT_CLI"}, "", "github.com/expo/agent-cli-detector: src/agents.ts"},
	{Agent{"opencode", "OPENCODE"}, "", "github.com/anomalyco/opencode/pull/1780"},
	{Agent{"cline", "CLINE_ACTIVE"}, "", "github.com/cline/cline/pull/5367"},
	{Agent{"roo-code", "ROO_ACTIVE"}, "", "github.com/RooCodeInc/Roo-Code/pull/11862"},
	{Agent{"crush", "CRUSH"}, "", "github.com/charmbracelet/crush/pull/2484"},
	{Agent{"goose", "GOOSE_TERMINAL"}, "", "github.com/aaif-goose/goose/pull/4205"},
	{Agent{"augment", "AUGMENT_AGENT"}, "", "github.com/microsoft/vscode/issues/311734"},
	{Agent{"amp", "AMP_CURRENT_THREAD_ID"}, "", "github.com/microsoft/vscode/issues/311734"},
	{Agent{"antigravity", "ANTIGRAVITY_AGENT"}, "", "github.com/expo/agent-cli-detector: src/agents.ts"},
	{Agent{"pi", "PI_CODING_AGENT"}, "", "github.com/expo/agent-cli-detector: src/agents.ts"},
}

// anyAgent are the variables by which an agent says its own name:
// github.com/vercel/vercel: packages/detect-agent/README.md, and
// github.com/agentsmd/agents.md/issues/136.
var anyAgent = []string{"AI_AGENT", "AGENT"}

// Variables lists every variable that shows an agent.
func Variables() (names []string) {
	for _, r := range table {
		names = append(names, r.Variable)
	}
	return append(names, anyAgent...)
}
