// Starts `sey lsp` and leaves everything else to it.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function activate() {
  const settings = vscode.workspace.getConfiguration("sey");
  const [command, ...args] = settings.get("command");
  const server = { command, args };
  const options = {
    documentSelector: [{ language: "sey" }],
    initializationOptions: { binaries: settings.get("binaries") },
    synchronize: { configurationSection: "sey" },
  };
  client = new LanguageClient("sey", "sey", server, options);
  return client.start();
}

function deactivate() {
  return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
