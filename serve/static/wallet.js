// Asks the reviewer's own wallet to sign a decision. The key never leaves the wallet; the page works without this file.

const form = document.querySelector("form[data-sign]");
if (form) offer(form);

function offer(form) {
  const part = form.querySelector(".wallet");
  const wallets = new Map();
  const show = () => {
    const choice = form.querySelector("#wallet");
    choice.replaceChildren(...[...wallets].map(([id, { name }]) => new Option(name, id)));
    form.querySelector(".choose-wallet").hidden = wallets.size < 2;
    part.hidden = wallets.size === 0;
    for (const hint of form.querySelectorAll(".no-wallet")) hint.hidden = wallets.size > 0;
  };

  addEventListener("eip6963:announceProvider", ({ detail }) => {
    wallets.set(detail.info.uuid, { name: detail.info.name, provider: detail.provider });
    show();
  });
  dispatchEvent(new Event("eip6963:requestProvider"));
  if (wallets.size === 0 && window.ethereum) {
    wallets.set("injected", { name: "window.ethereum", provider: window.ethereum });
    show();
  }

  form.addEventListener("submit", (event) => {
    if (event.submitter?.name !== "sign") return;
    event.preventDefault();
    const chosen = wallets.get(form.querySelector("#wallet").value);
    sign(form, chosen.provider).catch((error) => say(form, error.shown ?? form.dataset.failed));
  });
}

async function sign(form, provider) {
  const button = form.querySelector("[name=sign]");
  button.disabled = true;
  try {
    const asked = await request(form);
    const data = JSON.stringify(asked.typed_data, null, 1);
    form.querySelector(".wallet-data pre").textContent = data;
    form.querySelector(".wallet-data").hidden = false;
    say(form, form.dataset.asking);
    form.elements.signature.value = await ask(form, provider, asked, data);
    form.elements.nonce.value = asked.nonce;
    form.submit();
  } finally {
    button.disabled = false;
  }
}

async function request(form) {
  const fields = new URLSearchParams(new FormData(form));
  fields.delete("nonce");
  fields.delete("signature");
  const answer = await fetch(form.dataset.sign, { method: "POST", body: fields });
  const body = await answer.json();
  if (!answer.ok) throw shown(body.error.message);
  return body;
}

async function ask(form, provider, asked, data) {
  const wallet = async (method, params) => {
    try {
      return await provider.request({ method, params });
    } catch {
      throw shown(form.dataset.refused);
    }
  };
  const accounts = await wallet("eth_requestAccounts", []);
  const account = accounts.find((one) => one.toLowerCase() === asked.account.toLowerCase());
  if (!account) throw shown(`${form.dataset.otherAccount} ${asked.account}`);
  const chain = asked.typed_data.domain.chainId;
  if (Number(await wallet("eth_chainId", [])) !== chain) throw shown(`${form.dataset.otherChain} ${chain}`);
  return wallet("eth_signTypedData_v4", [account, data]);
}

function shown(message) {
  return Object.assign(new Error(message), { shown: message });
}

function say(form, message) {
  form.querySelector(".wallet-says").textContent = message;
}
