// The AWS SDK for JavaScript as a client of homing serve: for each line on standard input one signed call to STS, by one
// client that lives as long as this program. Prints the access key that signed the call, and whom STS takes the caller for.

const readline = require("node:readline");
const { GetCallerIdentityCommand, STSClient } = require("@aws-sdk/client-sts");

async function main() {
    const client = new STSClient({ endpoint: process.argv[2] });
    let signedBy;
    const remember = (next) => (call) => {
        signedBy = /Credential=([^/]+)\//.exec(call.request.headers.authorization)[1];
        return next(call);
    };
    client.middlewareStack.addRelativeTo(remember, { relation: "after", toMiddleware: "httpSigningMiddleware" });
    for await (const _ of readline.createInterface({ input: process.stdin })) {
        const identity = await client.send(new GetCallerIdentityCommand({}));
        console.log(signedBy, identity.Arn);
    }
}

main();
