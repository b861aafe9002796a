// `npm pack` as somebody types it who has just cloned the project: nothing was built yet.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, symlinkSync } from "node:fs";
import { expect, test } from "vitest";
import { bin, root, start } from "../support/lanes.ts";
import { tmpdir } from "../support/watchdog.ts";

test("npm pack in a fresh clone makes the whole package", { timeout: 180_000 }, async () => {
  using folder = tmpdir();
  const clone = folder.file("clone");
  // The files as they stand in this checkout, committed or not.
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  for (const file of files.toString().split("\0")) {
    if (file !== "" && existsSync(root + file)) cpSync(root + file, `${clone}/${file}`);
  }
  symlinkSync(`${root}node_modules`, `${clone}/node_modules`);
  await using packing = start(["npm", "pack", "--silent", "--pack-destination", folder.path], {
    cwd: clone,
    timeout: 170_000,
    env: { CI: "" }, // No Debian packages are wanted for this.
  });
  expect(await packing.ended()).toMatchObject({ status: 0 });

  const tarball = readdirSync(folder.path).find((file) => file.endsWith(".tgz"));
  const listed = execFileSync("tar", ["-tzf", folder.file(tarball!)], { encoding: "utf8" }).split("\n");
  for (const file of ["dist/mod.js", "dist/mod.d.ts", "dist/ffi/native/linux-aarch64/libhawser.so", "README.md"]) {
    expect(listed).toContain(`package/${file}`);
  }
  execFileSync("tar", ["-xzf", folder.file(tarball!), "-C", folder.path]);
  const said = execFileSync(
    bin("node20"),
    [
      "--input-type=module",
      "-e",
      `import { errnoName } from "${folder.file("package/dist/mod.js")}"; console.log(errnoName(43));`,
    ],
    { encoding: "utf8" },
  );
  expect(said).toBe("EIDRM\n");
});
