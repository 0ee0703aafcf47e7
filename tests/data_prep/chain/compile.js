// Compile TestGovernor.sol with npm's solc; print {contract: bytecode} as JSON.
//   node compile.js FOLDER_WITH_NODE_MODULES
const fs = require("fs");
const path = require("path");
const modules = path.join(path.resolve(process.argv[2]), "node_modules");
const solc = require(path.join(modules, "solc"));
const input = {
  language: "Solidity",
  sources: { "TestGovernor.sol": { content: fs.readFileSync(path.join(__dirname, "TestGovernor.sol"), "utf8") } },
  settings: {
    optimizer: { enabled: true, runs: 1 },
    outputSelection: { "TestGovernor.sol": { "*": ["evm.bytecode.object"] } },
  },
};
const found = (name) => ({ contents: fs.readFileSync(path.join(modules, name), "utf8") });
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: found }));
const errors = (output.errors || []).filter((error) => error.severity === "error");
if (errors.length) {
  console.error(errors.map((error) => error.formattedMessage).join("\n"));
  process.exit(1);
}
const contracts = output.contracts["TestGovernor.sol"];
console.log(JSON.stringify(Object.fromEntries(
  Object.entries(contracts).map(([name, contract]) => [name, contract.evm.bytecode.object]))));
