// Logs in with nodemailer and sends one message.
const nodemailer = require("nodemailer");
const fs = require("fs");

const [port, name, ca, door, tls, mechanism, user, secret, to, subject] = process.argv.slice(2);
const auth = { user, pass: secret };
if (mechanism === "XOAUTH2") {
  Object.assign(auth, { type: "OAuth2", accessToken: secret });
}
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: Number(port),
  name: "client.example",
  secure: door === "implicit",
  requireTLS: true,
  authMethod: mechanism,
  auth,
  debug: true,
  // Its transcript strikes secrets out; what it hears is what counts.
  logger: Object.fromEntries(
    ["trace", "debug", "info", "warn", "error", "fatal"].map((level) => [
      level,
      (entry, ...words) => console.log(level, ...words),
    ]),
  ),
  tls: { servername: name, ca: fs.readFileSync(ca), minVersion: tls, maxVersion: tls },
});
transport
  .sendMail({ from: user, to, subject, text: "Hello." })
  .then(() => process.exit(0))
  .catch((error) => {
    console.error(error.response || error.message);
    process.exit(1);
  });
