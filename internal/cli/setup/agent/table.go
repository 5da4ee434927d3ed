package agent

// hook is where the settings of a coding agent name a command, whose output is sent to
// a server.
type hook struct {
	agent string
	// The file: below the directory that a variable names, with sub, else below the home.
	variable, sub, home, file string

	server        []string // the path to a server's entry; * is any key
	url, key      []string // the paths of its URL and of the command, below the entry
	output        string   // of sso-exec token
	before, after string   // of the command in the value
	source        string   // where it is documented
}

// hooks lists those whose documentation was read. A further agent is a row, also in
// docs/tools/headers.md.
func hooks() []hook {
	claude := hook{
		agent: "claude-code", variable: "CLAUDE_CONFIG_DIR", file: ".claude.json",
		server: []string{"mcpServers", "*"}, url: []string{"url"}, key: []string{"headersHelper"}, output: "headers",
		source: "code.claude.com/docs/en/mcp, Use dynamic headers for custom authentication",
	}
	local := claude // what claude mcp add writes where no scope is given
	local.server = []string{"projects", "*", "mcpServers", "*"}
	pi := hook{
		agent: "pi", variable: "PI_CODING_AGENT_DIR", home: ".pi/agent", before: "!",
	}
	piServer, piModel := pi, pi
	piServer.file, piServer.server, piServer.url = "mcp.json", []string{"mcpServers", "*"}, []string{"url"}
	piServer.key, piServer.output = []string{"headers", "Authorization"}, "bearer"
	piServer.source = "github.com/earendil-works/pi packages/coding-agent/docs/mcp.md"
	piModel.file, piModel.server, piModel.url = "models.json", []string{"providers", "*"}, []string{"baseUrl"}
	piModel.key, piModel.output = []string{"apiKey"}, "raw"
	piModel.source = "github.com/earendil-works/pi packages/coding-agent/docs/models.md"
	return []hook{
		claude, local,
		{
			agent: "claude-code", variable: "CLAUDE_CONFIG_DIR", home: ".claude", file: "settings.json",
			url: []string{"env", "ANTHROPIC_BASE_URL"}, key: []string{"apiKeyHelper"}, output: "raw",
			source: "code.claude.com/docs/en/settings, apiKeyHelper",
		},
		{
			agent: "codex", variable: "CODEX_HOME", home: ".codex", file: "config.toml",
			server: []string{"mcp_servers", "*"}, url: []string{"url"}, key: []string{"http_headers_helper"}, output: "headers",
			source: "developers.openai.com/codex/config-reference, mcp_servers.<id>.http_headers_helper",
		},
		{
			agent: "crush", variable: "XDG_CONFIG_HOME", sub: "crush", home: ".config/crush", file: "crush.json",
			server: []string{"mcp", "*"}, url: []string{"url"}, key: []string{"headers", "Authorization"}, output: "bearer",
			before: "$(", after: ")",
			source: "github.com/charmbracelet/crush README.md, MCPs",
		},
		piServer, piModel,
	}
}
