const byId = (id) => document.getElementById(id);
const make = (name, text, attributes = {}) => {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
const show = (id, text, is) => {
  const element = byId(id);
  element.textContent = text;
  if (is) element.dataset.is = is;
  else delete element.dataset.is;
};
const logTo = (id) => (text) => {
  const list = byId(id);
  list.append(make("p", `${new Date().toLocaleTimeString()} ${text}`));
  while (list.children.length > 200) list.firstChild.remove();
  list.scrollTop = list.scrollHeight;
};
const socketUrl = (path) => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
// A socket that comes back by itself, until it is ended.
const keepSocket = (path, on) => {
  let socket;
  let wait = 500;
  let timer;
  let ended = false;
  const open = () => {
    on.state?.("connecting");
    socket = new WebSocket(socketUrl(path));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { wait = 500; on.state?.("open", "good"); on.open?.(socket); };
    socket.onmessage = (event) => on.message?.(event.data);
    socket.onerror = () => on.error?.();
    socket.onclose = (event) => {
      on.close?.(event);
      if (ended) { on.state?.("closed"); return; }
      on.state?.(`closed, again in ${wait / 1000} s`, "bad");
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, 8000);
    };
  };
  open();
  return {
    send: (data) => { if (socket.readyState === WebSocket.OPEN) socket.send(data); return socket.readyState === WebSocket.OPEN; },
    end: () => { ended = true; clearTimeout(timer); socket.close(); },
  };
};
