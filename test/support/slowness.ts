/** How much longer things may take than on a processor of one's own: where it is emulated, RVISOR_TEST_FACTOR says so. */
export const slowness = Number(process.env["RVISOR_TEST_FACTOR"] ?? "1")
